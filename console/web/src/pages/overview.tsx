import { Alert, Anchor, Box, Button, Group, Paper, Progress, SimpleGrid, Stack, Text } from '@mantine/core';
import { IconAlertTriangle, IconArrowRight, IconCheck } from '@tabler/icons-react';
import { useQueries, useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { get, sentence } from '../api';
import { usePopulations, useRules, useStores } from '../data';
import { useMay } from '../session';
import { number, plural, ruleState } from '../text';
import type { ActiveAlert, Page, Rule, StoreStatus, SyncStatus } from '../types';
import { ActivityList } from '../ui/activitylist';
import { Ago, Failed, Figure, Loading, PageHead, Section, Status } from '../ui/parts';
import { StoreIcon } from '../ui/storeicon';
import { Throughput } from '../ui/throughput';
import { heldOn, useHolds } from './decisions';
import { StoreState } from './provisioning';

const root = '/integrations/provisioning';

export default function Overview() {
  const stores = useStores();
  const rules = useRules();
  const populations = usePopulations();
  const targets = stores.data?.filter((s) => s.type !== 'directory') ?? [];
  const statuses = useQueries({ queries: (rules.data ?? []).map((r) => ({ queryKey: ['live', 'rule', r.id], queryFn: () => get<SyncStatus>(`/propagation/rules/${r.id}/syncStatus`), refetchInterval: 15_000 })) });
  const storeStatuses = useQueries({ queries: targets.map((s) => ({ queryKey: ['live', 'store', s.id], queryFn: () => get<StoreStatus>(`/propagation/stores/${s.id}/status`), refetchInterval: 15_000 })) });
  const holding = useHolds(targets);
  const alerts = useQuery({ queryKey: ['live', 'alerts'], queryFn: ({ signal }) => get<Page<'alerts', ActiveAlert>>('/alerts', signal).then((p) => p._embedded.alerts), refetchInterval: 15_000 });
  const broken = [stores, rules, populations].find((q) => q.error && !q.data);
  if (broken) return <Failed error={broken.error} again={() => void broken.refetch()} />;
  if (stores.isLoading || rules.isLoading || populations.isLoading) return <Loading rows={6} />;
  const people = populations.data?.reduce((n, p) => n + p.userCount, 0) ?? 0;
  const all = [...statuses, ...storeStatuses];
  const unknown = all.find((q) => q.error && !q.data)?.error;
  const looking = all.some((q) => !q.data);
  const sum = (pick: (s: SyncStatus) => number) => statuses.reduce((n, q) => n + (q.data ? pick(q.data) : 0), 0);
  const impacted = sum((s) => s.users.impacted);
  const pending = sum((s) => s.users.pending + s.groups.pending);
  const failed = sum((s) => s.users.failed);
  const held = targets.flatMap((s, i) => (holding[i]?.data ?? []).map((h): Decision => ({ key: 'w' + h.id, color: 'orange', title: heldOn(h, s.name), text: sentence(h.why), to: '/decisions' })));
  const open = alerts.data ?? [];
  const said = (id: string, condition: string) => open.some((a) => a.store.id === id && a.condition === condition);
  const decisions = [...held, ...open.filter((a) => a.condition !== 'HELD' || held.length === 0).map(alertDecision), ...attention(rules.data ?? [], statuses.map((q) => q.data), targets.map((s, i) => ({ name: s.name, id: s.id, active: s.status === 'ACTIVE', status: storeStatuses[i]?.data })), []).filter((d) => !(d.key.startsWith('h') && said(d.key.slice(1), 'HALTED')))];
  if (targets.length === 0 || rules.data?.length === 0) return <Begin people={people} connections={targets.length} />;
  return (
    <>
      <PageHead title="Overview" />
      <Stack>
        <SimpleGrid cols={{ base: 2, md: 4 }}>
          <Figure label="People in the directory" value={people} hint={<Link to="/directory/users">Show them</Link>} />
          <Figure label="In scope of rules" value={looking ? '…' : impacted} help="How many people rules cover; somebody whom two rules cover counts twice." />
          <Figure label="Waiting to be written" value={looking ? '…' : pending} help="Pending work of all rules: people and groups." />
          <Figure label="Failed" value={looking ? '…' : failed} color={failed > 0 ? 'var(--mantine-color-error)' : undefined} help="People who could not be synced because of an error." />
        </SimpleGrid>
        <Section title="What needs a decision">
          {unknown ? <Failed error={unknown} title="Not everything could be looked at" again={() => all.forEach((q) => void q.refetch())} /> : null}
          {decisions.length === 0 && unknown ? null : decisions.length === 0 && looking ? <Loading rows={1} /> : decisions.length === 0 ? (
            <Group gap="sm"><IconCheck size={18} color="var(--mantine-color-teal-6)" aria-hidden /><Text size="sm">Nothing. Everything runs by itself.</Text></Group>
          ) : (
            <Stack gap="xs" mt={unknown ? 'xs' : 0}>
              {decisions.map((d) => (
                <Alert key={d.key} color={d.color} icon={<IconAlertTriangle aria-hidden />} title={d.title}>
                  <Group justify="space-between" gap="xs"><Text size="sm" className="wrap" flex="1 1 240px">{d.text}{d.since && <> Since <Ago at={d.since} />.</>}</Text><Anchor component={Link} to={d.to} size="sm">Look at it</Anchor></Group>
                </Alert>
              ))}
            </Stack>
          )}
        </Section>
        <SimpleGrid cols={{ base: 1, md: 2 }}>
          <Section title="Rules" actions={<Anchor component={Link} to={root + '/rules'} size="sm">{rules.data && rules.data.length > 12 ? `All ${number(rules.data.length)} rules` : 'All rules'}</Anchor>}>
            <Stack gap="md">{rules.data?.slice(0, 12).map((r, i) => <RuleLine key={r.id} rule={r} status={statuses[i]?.data} />)}</Stack>
          </Section>
          <Section title="Connections" actions={<Anchor component={Link} to={root + '/connections'} size="sm">{targets.length > 12 ? `All ${number(targets.length)} connections` : 'All connections'}</Anchor>}>
            <Stack gap="md">
              {targets.slice(0, 12).map((s, i) => (
                <Group key={s.id} justify="space-between" wrap="nowrap">
                  <Group gap="sm" wrap="nowrap" miw={0}>
                    <StoreIcon type={s.type} />
                    <Box miw={0}><Anchor component={Link} to={`${root}/connections/${s.id}`} size="sm" fw={550} className="truncate" display="block">{s.name}</Anchor><Text size="xs" c="dimmed">Last sync <Ago at={storeStatuses[i]?.data?.lastSyncAt} /></Text></Box>
                  </Group>
                  <StoreState store={s} />
                </Group>
              ))}
            </Stack>
          </Section>
        </SimpleGrid>
        <Throughput pending={pending} />
        <Section title="Latest activity" actions={<Anchor component={Link} to="/activity" size="sm">All activity</Anchor>}><ActivityList filter="" limit={8} compact /></Section>
      </Stack>
    </>
  );
}

interface Decision { key: string; color: string; title: string; text: string; to: string; since?: string }

const conditions: Record<string, string> = { HALTED: 'is halted', HELD: 'waits for a decision', QUARANTINED: 'does not answer', FAILING: 'has many failures', EXPIRING: 'needs new credentials soon', STALE: 'has not synced for long' };

const alertDecision = (a: ActiveAlert): Decision => ({
  key: 'a' + a.id, color: a.condition === 'HALTED' ? 'red' : 'orange', title: `${a.store.name} ${conditions[a.condition] ?? a.condition.toLowerCase()}`,
  text: sentence(a.message) + (a.hint ? ' ' + sentence(a.hint) : ''), to: `${root}/connections/${a.store.id}`, since: a.since,
});

function attention(rules: Rule[], statuses: (SyncStatus | undefined)[], stores: { name: string; id: string; active: boolean; status?: StoreStatus }[], held: Decision[]): Decision[] {
  const out: Decision[] = [...held];
  for (const s of stores) {
    const to = `${root}/connections/${s.id}`;
    if (s.status?.halt) out.push({ key: 'h' + s.id, color: 'red', title: `${s.name} is halted`, text: sentence(s.status.halt.message), to });
    else if (s.status?.test?.status === 'FAILED') out.push({ key: 't' + s.id, color: 'red', title: `${s.name} is invalid`, text: 'It cannot be used for provisioning until it tests valid.', to });
    if (s.status?.paused) out.push({ key: 'p' + s.id, color: 'yellow', title: `${s.name} is paused`, text: 'Nothing is written until somebody resumes it.', to });
  }
  rules.forEach((r, i) => {
    const s = statuses[i];
    const to = `${root}/rules/${r.id}`;
    if (s && s.users.failed > 0) out.push({ key: 'f' + r.id, color: 'red', title: `${r.name}: ${plural(s.users.failed, 'person', 'people')} failed`, text: 'The rule lists the causes with the next step.', to });
    if (s && s.groups.failed > 0 && s.state !== 'HELD') out.push({ key: 'g' + r.id, color: 'red', title: `${r.name}: ${plural(s.groups.failed, 'group')} failed`, text: 'The rule lists the causes with the next step.', to });
    if (s?.state === 'IDLE' && s.details) out.push({ key: 'd' + r.id, color: 'orange', title: `${r.name} needs attention`, text: sentence(s.details), to });
    if (s?.state === 'HELD' && held.length === 0) out.push({ key: 'x' + r.id, color: 'orange', title: `${r.name} is held`, text: sentence(s.details) || 'Operations wait for a decision.', to: '/decisions' });
  });
  return out;
}

function RuleLine({ rule, status: s }: { rule: Rule; status?: SyncStatus }) {
  const part = (n: number) => (s && s.users.impacted + s.users.failed > 0 ? (100 * n) / Math.max(s.users.impacted, 1) : 0);
  return (
    <div>
      <Group justify="space-between" wrap="nowrap" mb={6}>
        <Anchor component={Link} to={`${root}/rules/${rule.id}`} size="sm" fw={550} className="truncate">{rule.name}</Anchor>
        {s && <Status of={ruleState(s)} />}
      </Group>
      <Progress.Root size="sm" aria-hidden>
        <Progress.Section value={part(s?.users.success ?? 0)} color="teal" /><Progress.Section value={part(s?.users.failed ?? 0)} color="red" />
      </Progress.Root>
      <Text size="xs" c="dimmed" mt={4} className="numbers">{s ? `${number(s.users.impacted)} in scope · ${number(s.users.success)} in step${s.users.unsynced ? ` · ${number(s.users.unsynced)} unsynced` : ''}${s.users.partial ? ` · ${number(s.users.partial)} partially synced` : ''}${s.users.pending ? ` · ${number(s.users.pending)} pending` : ''}${s.users.failed ? ` · ${number(s.users.failed)} failed` : ''}` : '…'}</Text>
    </div>
  );
}

/** What to do first, on a fresh installation. */
function Begin({ people, connections }: { people: number; connections: number }) {
  const may = useMay();
  const steps = [
    { title: 'Bring your people in', text: people > 0 ? `${plural(people, 'person is', 'people are')} in the directory.` : 'Import a CSV file, add people one by one, or have another system write them through the API.', to: '/directory/users', done: people > 0, action: 'Go to users' },
    { title: 'Connect a target', text: connections > 0 ? `${plural(connections, 'connection')} set up.` : 'Say how Slack is reached, and what may be done there. Nothing is written by connecting.', to: root + '/connections/new', done: connections > 0, action: 'New connection' },
    { title: 'Make a rule', text: 'Say who gets an account. You see exactly what will happen before it does.', to: root + '/rules/new', done: false, action: 'New rule' },
  ];
  const next = steps.findIndex((s) => !s.done);
  return (
    <>
      <PageHead title="Overview">Three steps until your first people are in step.</PageHead>
      <Stack maw={760}>
        {steps.map((s, i) => (
          <Paper key={s.title} p="lg">
            <Group justify="space-between" gap="md">
              <Box flex="1 1 260px"><Group gap={8}>{s.done ? <IconCheck size={18} color="var(--mantine-color-teal-6)" aria-label="done" /> : <Text fw={700} c="dimmed">{i + 1}</Text>}<Text fw={600}>{s.title}</Text></Group><Text size="sm" c="dimmed" mt={4}>{s.text}</Text></Box>
              {may.editDirectory && <Button component={Link} to={s.to} variant={i === next ? 'filled' : 'default'} rightSection={<IconArrowRight size={15} />}>{s.action}</Button>}
            </Group>
          </Paper>
        ))}
      </Stack>
    </>
  );
}
