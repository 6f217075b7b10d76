import { ActionIcon, Alert, Anchor, Box, Button, Checkbox, Group, Menu, Paper, Progress, Select, SimpleGrid, Stack, Switch, Tabs, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconAlertTriangle, IconCopy, IconDots, IconEye, IconPencil, IconRefresh, IconTrash } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { get, post, put, query, remove, sentence } from '../api';
import { done, isMissing, publish, ruleBody, saveRule, useAct, useMappings, usePages, useRule, useRules, useStore, useSyncStatus } from '../data';
import { RuleGroups } from '../rule/groups';
import { FilterEditor } from '../rule/filtereditor';
import { MappingEditor } from '../rule/mappingeditor';
import { PublishablePreview } from '../rule/publishpreview';
import { useMay } from '../session';
import { accountState, accountStates, duration, managedLabel, number, ownerships, plural, ruleState, summaryHelp } from '../text';
import type { Account, Failure, Mapping, Page, Rule, Store, SyncStatus } from '../types';
import { ActivityList } from '../ui/activitylist';
import { Ago, Confirm, Empty, Facts, Failed, Figure, List, Loading, PageHead, Section, Status } from '../ui/parts';
import { Rename } from '../ui/rename';

const root = '/integrations/provisioning';
const stale = [['rules'], ['live'], ['activities'], ['mappings']];

export default function RulePage() {
  const { id = '', tab = 'overview' } = useParams();
  const navigate = useNavigate();
  const rule = useRule(id);
  const store = useStore(rule.data?.targetStore.id ?? '');
  const status = useSyncStatus(id);
  if (isMissing(rule)) return <Failed error={rule.error} again={() => void rule.refetch()} />;
  if (!rule.data || !store.data) return store.error ? <Failed error={store.error} /> : <Loading />;
  const r = rule.data;
  return (
    <>
      <PageHead title={r.name} crumbs={[['Provisioning', root + '/connections'], ['Rules', root + '/rules']]} badge={status.data && <Status of={ruleState(status.data)} />} actions={<Actions rule={r} store={store.data} />}>
        {r.description}
      </PageHead>
      <Tabs value={tab} onChange={(t) => void navigate(`${root}/rules/${id}${t === 'overview' ? '' : '/' + t}`, { replace: true })} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="overview">Overview</Tabs.Tab>
          <Tabs.Tab value="filter">User filter</Tabs.Tab>
          <Tabs.Tab value="mapping">Attribute mapping</Tabs.Tab>
          <Tabs.Tab value="groups">Groups</Tabs.Tab>
          <Tabs.Tab value="users">Users</Tabs.Tab>
          <Tabs.Tab value="preview">Preview</Tabs.Tab>
          <Tabs.Tab value="activity">Activity</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="overview"><Overview rule={r} store={store.data} /></Tabs.Panel>
        <Tabs.Panel value="filter"><Filter key={r.updatedAt} rule={r} /></Tabs.Panel>
        <Tabs.Panel value="mapping"><MappingEditor rule={r} type={store.data.type} /></Tabs.Panel>
        <Tabs.Panel value="groups"><RuleGroups key={r.updatedAt} rule={r} store={store.data} /></Tabs.Panel>
        <Tabs.Panel value="users"><Users rule={r} /></Tabs.Panel>
        <Tabs.Panel value="preview"><PublishablePreview of={{ rule: id, store: r.targetStore.id }} running={r.active && store.data.status === 'ACTIVE'} /></Tabs.Panel>
        <Tabs.Panel value="activity"><ActivityList filter={`rule.id eq "${id}"`} /></Tabs.Panel>
      </Tabs>
    </>
  );
}

function Actions({ rule, store }: { rule: Rule; store: Store }) {
  const may = useMay();
  const navigate = useNavigate();
  const rules = useRules();
  const mappings = useMappings(rule.id);
  const [renaming, renames] = useDisclosure();
  const [deleting, deletes] = useDisclosure();
  const [stopping, stops] = useDisclosure();
  const set = useAct((active: boolean) => saveRule({ ...rule, active }).then(() => done(active ? 'The rule is enabled.' : 'The rule is disabled.')), stale, 'The rule was not changed');
  const clone = useAct(async () => {
    const copy = await post<Rule>(`/propagation/plans/${rule.plan.id}/rules`, { ...ruleBody(rule), active: false, name: cloneName(rule.name, rules.data ?? []), sourceStore: rule.sourceStore, targetStore: rule.targetStore });
    for (const { id: _, ...m } of (mappings.data ?? []) as (Mapping & Record<string, unknown>)[]) {
      await post(`/propagation/rules/${copy.id}/mappings`, { sourceAttribute: m.sourceAttribute, expression: m.expression, targetAttribute: m.targetAttribute, createOnly: m.createOnly, clearWhenEmpty: m.clearWhenEmpty });
    }
    done('The copy is made. It is disabled.');
    void navigate(`${root}/rules/${copy.id}`);
  }, stale, 'The rule was not cloned');
  const off = store.status !== 'ACTIVE';
  if (!may.editAll) return null;
  return (
    <>
      <Switch
        checked={rule.active} size="md" label={rule.active ? 'Enabled' : 'Disabled'} aria-label="Rule enabled" disabled={set.isPending || (!rule.active && (off || !rule.populationExpression))}
        onChange={(e) => (e.currentTarget.checked ? void navigate(`${root}/rules/${rule.id}/setup/preview`) : stops.open())}
      />
      <Menu position="bottom-end">
        <Menu.Target><ActionIcon variant="default" size="lg" aria-label="More actions"><IconDots size={18} /></ActionIcon></Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconPencil size={16} />} onClick={renames.open}>Name and description</Menu.Item>
          <Menu.Item leftSection={<IconCopy size={16} />} onClick={() => clone.mutate(undefined)} disabled={clone.isPending}>Clone rule</Menu.Item>
          <Menu.Divider />
          <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={deletes.open}>Delete</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Confirm opened={stopping} onClose={stops.close} title={`Disable ${rule.name}?`} action="Disable rule" color="orange" loading={set.isPending} onConfirm={() => { set.mutate(false); stops.close(); }}>
        The rule stops syncing. No account is deprovisioned by this; what changes meanwhile is not written.
      </Confirm>
      <Rename of={rule} save={async (edited) => { await put('/propagation/rules/' + rule.id, { ...ruleBody(rule), ...edited }); if (rule.active) await publish(); }} stale={stale} opened={renaming} onClose={renames.close} />
      <Delete rule={rule} store={store} opened={deleting} onClose={deletes.close} />
    </>
  );
}

function cloneName(name: string, rules: Rule[]): string {
  const taken = new Set(rules.map((r) => r.name));
  const base = 'Clone_' + name;
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? base : `${base} (${n})`;
    if (!taken.has(candidate)) return candidate;
  }
}

function Delete({ rule, store, opened, onClose }: { rule: Rule; store: Store; opened: boolean; onClose: () => void }) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const status = useSyncStatus(rule.id);
  const [deprovision, setDeprovision] = useState(false);
  const del = useAct(async () => {
    await remove(`/propagation/rules/${rule.id}${query({ deprovision: deprovision || undefined })}`);
    await publish();
    onClose();
    done('The rule was deleted.');
    void navigate(root + '/rules');
    await client.invalidateQueries({ queryKey: ['rules'] });
  }, []);
  const u = status.data?.users;
  // Somebody whose last write failed, or is due, may have an account too: rather too many are named than too few.
  const accounts = u ? u.success + u.partial + u.failed + u.pending : 0;
  const upTo = u && u.failed + u.pending > 0 ? 'up to ' : '';
  const allowed = store.managed || rule.deprovision;
  return (
    <Confirm opened={opened} onClose={onClose} title={`Delete ${rule.name}?`} action={deprovision ? 'Delete and deprovision' : 'Delete rule'} onConfirm={() => del.mutate(undefined)} loading={del.isPending} error={del.error ?? (u ? undefined : status.error)} disabled={!u}>
      <Stack gap="sm">
        <Text size="sm">A deleted rule cannot be brought back. {deprovision ? '' : accounts > 0 ? 'The accounts it keeps in step stay as they are, and nobody writes them any more.' : ''}</Text>
        <Checkbox
          label={`Deprovision ${upTo}${plural(accounts, 'user')} of this rule`} checked={deprovision} disabled={!allowed} onChange={(e) => setDeprovision(e.currentTarget.checked)}
          description={allowed ? `${accounts === 1 ? 'The account' : 'Their accounts'} at ${store.name} will be disabled, unless another rule covers ${accounts === 1 ? 'the person' : 'them'}.` : `Only possible where the connection says: ${managedLabel}.`}
        />
        {deprovision && accounts > 0 && <Alert color="red" icon={<IconAlertTriangle aria-hidden />}>{upTo ? 'Up to ' : ''}{plural(accounts, 'person loses', 'people lose')} access to {store.name}.</Alert>}
      </Stack>
    </Confirm>
  );
}

function Overview({ rule, store }: { rule: Rule; store: Store }) {
  const status = useSyncStatus(rule.id);
  const may = useMay();
  const resync = useAct(() => post(`/propagation/rules/${rule.id}/resync`).then(() => done('A full resync has started.')), stale, 'The resync was not started');
  const s = status.data;
  if (status.error && !s) return <Failed error={status.error} again={() => void status.refetch()} />;
  if (!s) return <Loading />;
  return (
    <Stack>
      {s.state === 'HALTED' && (
        <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title="Halted: nothing is written" role="alert">
          <Text size="sm" className="wrap">{sentence(s.details)} <Anchor component={Link} to={`${root}/connections/${store.id}`} size="sm">Go to the connection</Anchor></Text>
        </Alert>
      )}
      {s.state === 'INACTIVE' && (
        <Alert color="gray" title="The rule is not running">
          <Text size="sm">{sentence(s.details) || 'The rule is disabled.'} {may.editAll && !rule.populationExpression && <Anchor component={Link} to={`${root}/rules/${rule.id}/setup/filter`} size="sm">Continue setting it up</Anchor>}</Text>
        </Alert>
      )}
      {s.state === 'PAUSED' && <Alert color="yellow" title="Paused">The connection is paused. Work is kept and goes on when it is resumed.</Alert>}
      {s.state === 'HELD' && <Held details={s.details} />}
      {s.state === 'IDLE' && s.details && <Alert color="orange" icon={<IconAlertTriangle aria-hidden />} title="This rule needs attention">{sentence(s.details)}</Alert>}
      {s.state !== 'INACTIVE' && <Running status={s} />}
      <Section title="User Sync Summary" actions={may.editAll && s.state !== 'INACTIVE' && <Button variant="default" size="xs" leftSection={<IconRefresh size={14} />} onClick={() => resync.mutate(undefined)} loading={resync.isPending}>Full Resync</Button>}>
        <SimpleGrid cols={{ base: 2, xs: 3, md: 6 }} spacing="sm" data-testid="summary">
          <Figure label="Impacted" value={s.users.impacted} help={summaryHelp.impacted} />
          <Figure label="Success" value={s.users.success} help={summaryHelp.success} />
          <Figure label="Unsynced" value={s.users.unsynced} help={summaryHelp.unsynced} />
          <Figure label="Partial Synced" value={s.users.partial} help={summaryHelp.partial} />
          <Figure label="Failed" value={s.users.failed} help={summaryHelp.failed} color={s.users.failed > 0 ? 'var(--mantine-color-error)' : undefined} />
          <Figure label="Pending" value={s.users.pending} help={accountStates.PENDING.help} />
        </SimpleGrid>
      </Section>
      {s.users.failed > 0 && <Failures rule={rule} of="users" total={s.users.failed} />}
      {((rule.groups?.length ?? 0) > 0 || s.groups.impacted + s.groups.failed + s.groups.pending > 0) && (
        <Section title="Group Sync Summary" actions={<Anchor component={Link} to={`${root}/rules/${rule.id}/groups`} size="sm">Groups of this rule</Anchor>}>
          <SimpleGrid cols={{ base: 2, xs: 3, md: 6 }} spacing="sm" data-testid="group-summary">
            <Figure label="Impacted" value={s.groups.impacted} /><Figure label="Success" value={s.groups.success} /><Figure label="Unsynced" value={s.groups.unsynced} />
            <Figure label="Partial Synced" value={s.groups.partial} /><Figure label="Failed" value={s.groups.failed} color={s.groups.failed > 0 ? 'var(--mantine-color-error)' : undefined} /><Figure label="Pending" value={s.groups.pending} />
          </SimpleGrid>
        </Section>
      )}
      {s.groups.failed > 0 && <Failures rule={rule} of="groups" total={s.groups.failed} />}
      <Section title="About this rule">
        <Facts
          of={[
            ['Last Sync', <Ago key="l" at={s.lastSyncAt} />], ['Sync Direction', 'Outbound'], ['Source', 'Lockstep directory'],
            ['Target', <Link key="t" to={`${root}/connections/${store.id}`}>{store.name}</Link>],
            ['User filter', <Text key="f" size="xs" ff="monospace" className="wrap">{rule.populationExpression || 'none yet'}</Text>],
            ['Audit Log', <Link key="a" to={`${root}/rules/${rule.id}/activity`}>Activity of this rule</Link>],
          ]}
        />
      </Section>
    </Stack>
  );
}

/** Live progress: how far, how fast, how long still. */
function Running({ status: s }: { status: SyncStatus }) {
  const busy = s.state === 'SYNCING';
  const failed = s.users.failed + s.groups.failed > 0;
  const percent = s.progress.total === 0 ? (busy ? 0 : 100) : Math.min(100, Math.floor((100 * s.progress.done) / s.progress.total));
  return (
    <Paper p={{ base: 'md', sm: 'lg' }}>
      <Group justify="space-between" mb={8} gap="xs">
        <Text size="sm" fw={600} aria-live="polite">{busy ? `Syncing ${number(s.progress.done)} of ${number(s.progress.total)}` : s.state === 'IDLE' && !failed ? 'In step: nothing is due' : ruleState(s).help}</Text>
        <Text size="sm" c="dimmed" className="numbers">{busy && s.progress.ratePerMinute > 0 ? `${number(Math.round(s.progress.ratePerMinute))} a minute${s.progress.etaSeconds > 0 ? ` · about ${duration(s.progress.etaSeconds)} left` : ''}` : ' '}</Text>
      </Group>
      <Progress value={percent} color={busy ? 'blue' : failed ? 'orange' : 'teal'} aria-label={`${percent} % done`} animated={busy} />
    </Paper>
  );
}

/** Operations that wait for a decision. */
function Held({ details }: { details: string }) {
  return (
    <Alert color="orange" icon={<IconAlertTriangle aria-hidden />} title="Held: operations wait for a decision">
      <Group justify="space-between" gap="xs"><Text size="sm" className="wrap" flex="1 1 260px">{sentence(details)}</Text><Button component={Link} to="/decisions" size="xs" variant="default">Decide</Button></Group>
    </Alert>
  );
}

const looked = 500; // failures at a time

const failing = { users: { list: 'syncedUsers', one: 'person', many: 'people' }, groups: { list: 'syncedGroups', one: 'group', many: 'groups' } } as const;

/** Failures by cause, each with its next step. */
function Failures({ rule, of, total }: { rule: Rule; of: 'users' | 'groups'; total: number }) {
  const may = useMay();
  const { list: path, one, many } = failing[of];
  const key = ['live', 'failures', of, rule.id];
  const causes = useQuery({ queryKey: [...key, 'causes'], queryFn: ({ signal }) => get<Page<'failures', Failure>>(`/propagation/rules/${rule.id}/failures`, signal).then((p) => p._embedded.failures) });
  const q = usePages<typeof path, Account>(key, `/propagation/rules/${rule.id}/${path}`, path, { status: 'FAILED', limit: looked });
  // The server tries again by itself, within the target's limits; this only makes it due at once.
  const retry = useAct(
    (which: { code?: string; user?: { id: string }; group?: { id: string } }) =>
      post<{ retried: number }>(`/propagation/rules/${rule.id}/retry`, which).then((r) => done(`${plural(r.retried, 'retry has', 'retries have')} begun.`)),
    [['live'], ['activities']], 'The retry did not work',
  );
  if (q.isLoading || causes.isLoading) return <Loading rows={2} />;
  if (isMissing(q)) return <Failed error={q.error} again={() => { void q.refetch(); void causes.refetch(); }} title="The failures could not be loaded" />;
  const byCode = new Map<string, Account[]>();
  for (const a of q.rows) byCode.set(a.error?.code ?? '', [...(byCode.get(a.error?.code ?? '') ?? []), a]);
  if (byCode.size === 0) return null;
  // Causes are counted over users and groups together; where only one of them fails for it, the count is theirs.
  const counted = (code: string, list: Account[]) => (q.hasNextPage ? Math.max(list.length, Math.min(total, causes.data?.find((c) => c.error.code === code)?.objects ?? 0)) : list.length);
  return (
    <Section
      title={of === 'users' ? 'Failures by cause' : 'Failures of groups by cause'}
      actions={
        <>
          {q.hasNextPage && <Button size="xs" variant="default" onClick={() => void q.fetchNextPage()} loading={q.isFetchingNextPage}>Look at the next {number(looked)}</Button>}
          {may.editAll && (byCode.size > 1 || q.hasNextPage) && <Button size="xs" variant="default" leftSection={<IconRefresh size={14} />} loading={retry.isPending} onClick={() => retry.mutate({})}>Retry all</Button>}
        </>
      }
    >
      <Stack>
        {q.hasNextPage && <Text size="sm">These are the causes of the first {number(q.rows.length)} of {plural(total, 'failure')}.</Text>}
        {[...byCode.entries()].sort(([, a], [, b]) => b.length - a.length).map(([code, list]) => {
          const first = list[0];
          const n = counted(code, list);
          return (
            <Paper key={code} p="md" withBorder>
              <Group justify="space-between" align="flex-start" gap="sm">
                <Box flex="1 1 260px" miw={0}>
                  <Text size="sm" fw={600} className="wrap">{sentence(first.error?.message ?? first.details ?? 'Unknown cause')}</Text>
                  {first.error?.hint && <Text size="sm" c="dimmed" className="wrap">What to do: {sentence(first.error.hint)}</Text>}
                  <Text size="xs" mt={6} c="dimmed">{plural(n, one, many)}{first.nextTryAt && <> · next try <Ago at={first.nextTryAt} /></>}</Text>
                  <Group gap={6} mt={6}>
                    {list.slice(0, 5).map((a) => (
                      <Group key={a.id} gap={2} wrap="nowrap">
                        {a.object ? <Anchor component={Link} size="xs" to={`/directory/${of}/${a.object.id}/sync`}>{a.object.name}</Anchor> : <Text size="xs">{a.remoteId}</Text>}
                        {may.editAll && a.object && n > 1 && <ActionIcon size="xs" variant="subtle" color="gray" aria-label={`Retry ${a.object.name}`} onClick={() => retry.mutate(of === 'users' ? { user: { id: a.object?.id ?? '' } } : { group: { id: a.object?.id ?? '' } })}><IconRefresh size={12} /></ActionIcon>}
                      </Group>
                    ))}
                    {n > 5 && <Text size="xs" c="dimmed">and {number(n - 5)} more</Text>}
                  </Group>
                </Box>
                {may.editAll && <Button size="xs" variant="default" leftSection={<IconRefresh size={14} />} loading={retry.isPending} onClick={() => retry.mutate({ code })}>{n === 1 ? 'Retry' : 'Retry these'}</Button>}
              </Group>
            </Paper>
          );
        })}
      </Stack>
    </Section>
  );
}

function Filter({ rule }: { rule: Rule }) {
  const may = useMay();
  const [text, setText] = useState(rule.populationExpression);
  const save = useAct(async () => {
    await put('/propagation/rules/' + rule.id, { ...ruleBody(rule), populationExpression: text });
    if (rule.active) await publish();
    done('The filter is saved.');
  }, [...stale, ['preview']], undefined);
  const navigate = useNavigate();
  const look = useAct(async () => {
    await put('/propagation/rules/' + rule.id, { ...ruleBody(rule), populationExpression: text });
    void navigate(`${root}/rules/${rule.id}/preview`);
  }, [...stale, ['preview']], 'The draft was not saved');
  return (
    <Paper p={{ base: 'md', sm: 'lg' }} maw={920}>
      <Stack>
        <FilterEditor value={text} onChange={setText} readOnly={!may.editAll} />
        {rule.active && text !== rule.populationExpression && <Alert color="orange" icon={<IconAlertTriangle aria-hidden />} title="The rule is enabled">Saving takes effect at once. People who do not match any more are deprovisioned, where the connection allows it. Preview it first: nothing is published before you say so.</Alert>}
        {save.error && <Failed error={save.error} title="The filter was not saved" />}
        {may.editAll && <Group justify="flex-end"><Button variant="default" disabled={text === rule.populationExpression} onClick={() => setText(rule.populationExpression)}>Discard</Button>{rule.active && <Button variant="default" leftSection={<IconEye size={16} />} onClick={() => look.mutate(undefined)} loading={look.isPending} disabled={text === rule.populationExpression || !text.trim()}>Preview first</Button>}<Button onClick={() => save.mutate(undefined)} loading={save.isPending} disabled={text === rule.populationExpression || !text.trim()}>Save</Button></Group>}
      </Stack>
    </Paper>
  );
}

function Users({ rule }: { rule: Rule }) {
  const [status, setStatus] = useState<string | null>(null);
  const q = usePages<'syncedUsers', Account>(['live', 'synced', rule.id], `/propagation/rules/${rule.id}/syncedUsers`, 'syncedUsers', { status: status ?? '', limit: 50 });
  return (
    <>
      <Group mb="md"><Select aria-label="Status" placeholder="Any status" clearable data={Object.entries(accountStates).map(([value, s]) => ({ value, label: s.label }))} value={status} onChange={setStatus} w={190} /></Group>
      <List<Account>
        label="Users of the rule" rows={q.rows} rowKey={(a) => a.id} to={(a) => (a.object ? `/directory/users/${a.object.id}/sync` : undefined)} loading={q.isLoading} error={q.error} again={() => void q.refetch()} stale={q.isPlaceholderData}
        more={q.hasNextPage ? () => void q.fetchNextPage() : undefined} moreLoading={q.isFetchingNextPage} empty={<Empty title={status ? 'Nobody has this status' : 'Nobody yet'}>{status ? '' : 'People appear when the rule is enabled.'}</Empty>}
        columns={[
          { label: 'Person', cell: (a) => (a.object ? <Link to={`/directory/users/${a.object.id}/sync`}><Text span size="sm">{a.object.name}</Text></Link> : '—') },
          { label: 'Status', width: 150, cell: (a) => <Status of={accountState(a.status)} /> },
          { label: 'Details', wide: true, cell: (a) => <Text size="sm" c="dimmed" className="wrap">{a.error ? sentence(a.error.message) : a.details ? sentence(a.details) : ''}</Text> },
          { label: 'Ownership', wide: true, width: 110, cell: (a) => (a.ownership ? ownerships[a.ownership].label : '—') },
          { label: 'Last sync', wide: true, width: 140, cell: (a) => <Text size="sm"><Ago at={a.lastSyncAt} /></Text> },
        ]}
      />
    </>
  );
}
