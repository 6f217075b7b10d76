// What waits for an administrator: people who would lose access, and groups that would lose members, across connections.
import { Alert, Anchor, Box, Button, Checkbox, Group, Paper, Stack, Text, Title } from '@mantine/core';
import { IconAlertTriangle, IconCheck, IconClockHour4 } from '@tabler/icons-react';
import { useQueries } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { get, post, sentence } from '../api';
import { done, useAct, usePages, useStores } from '../data';
import { useMay } from '../session';
import { number, plural, time, verbs } from '../text';
import type { Operation, Page, Store } from '../types';
import { Ago, Confirm, Empty, Failed, List, Loading, PageHead, Search, Status } from '../ui/parts';
import { StoreIcon } from '../ui/storeicon';

interface Held extends Operation { cause?: string }
interface Hold { id: string; type: 'OVERWRITE_GROUP' | 'MASS_DEPROVISION'; store: { id: string }; why: string; heldSince?: string; expiresAt?: string; held: number; operations: Held[] }
type Decision = 'APPROVE' | 'REJECT';
interface Asked { decision: Decision; objects?: Held[] }

/** The first of what each connection holds, for the overview and for knowing which of them hold anything. */
export function useHolds(stores: Store[]) {
  return useQueries({
    queries: stores.map((s) => ({
      queryKey: ['live', 'holding', s.id], refetchInterval: 15_000,
      queryFn: () => get<Page<'holds', Hold>>(`/propagation/stores/${s.id}/holds?limit=1`).then((p) => p._embedded.holds),
    })),
  });
}

/** What a connection holds, in a line. */
export const heldOn = (h: Hold, store: string) => (h.type === 'MASS_DEPROVISION' ? `${plural(h.held, 'operation')} held on ${store}` : `Group ${h.operations[0]?.object.name ?? ''} is held on ${store}`);

export default function Decisions() {
  const stores = useStores();
  const targets = stores.data?.filter((s) => s.type !== 'directory') ?? [];
  const holding = useHolds(targets);
  const broken = stores.error ?? holding.find((q) => q.error && !q.data)?.error;
  const loading = stores.isLoading || holding.some((q) => q.isLoading);
  const held = targets.filter((_, i) => (holding[i]?.data?.length ?? 0) > 0);
  return (
    <>
      <PageHead title="Needs a decision">
        When too many people would lose access at once, or members of others would be taken out of a group, nothing is written until somebody decides. Everything else goes on.
      </PageHead>
      {broken ? <Failed error={broken} again={() => { void stores.refetch(); holding.forEach((q) => void q.refetch()); }} /> : null}
      {loading && !broken ? <Loading rows={4} /> : held.length === 0 && !broken ? (
        <Paper><Empty title="Nothing is held" icon={<IconCheck size={40} stroke={1.3} aria-hidden />}>Whatever is to be written is written by itself. How much may be deprovisioned without a question is set on each connection.</Empty></Paper>
      ) : (
        <Stack gap="lg">{held.map((s) => <OfStore key={s.id} store={s} />)}</Stack>
      )}
    </>
  );
}

/** All that one connection holds. */
function OfStore({ store }: { store: Store }) {
  const [name, setName] = useState('');
  const q = usePages<'holds', Hold>(['live', 'holds', store.id], `/propagation/stores/${store.id}/holds`, 'holds', { limit: 100, name });
  if (q.error && q.rows.length === 0) return <Failed error={q.error} again={() => void q.refetch()} />;
  if (q.isLoading) return <Loading rows={3} />;
  const mass = q.rows.filter((h) => h.type === 'MASS_DEPROVISION');
  const groups = q.rows.filter((h) => h.type === 'OVERWRITE_GROUP');
  return (
    <>
      {mass.length > 0 && (
        <Mass
          key={mass[0].id} store={store} hold={mass[0]} rows={mass.flatMap((h) => h.operations)} name={name} onName={setName} stale={q.isPlaceholderData}
          more={q.hasNextPage ? () => void q.fetchNextPage() : undefined} moreLoading={q.isFetchingNextPage}
        />
      )}
      {groups.map((h) => <Overwrite key={h.id} store={store} hold={h} />)}
    </>
  );
}

/** People and members, counted in a sentence. */
function countOf(rows: Held[]): { people: number; members: number; groups: number } {
  const groups = rows.filter((o) => o.kind === 'GROUP');
  return { people: rows.length - groups.length, members: groups.reduce((n, o) => n + (o.members?.remove.length ?? 0), 0), groups: groups.length };
}

function Mass({ store, hold, rows, name, onName, more, moreLoading, stale }: {
  store: Store; hold: Hold; rows: Held[]; name: string; onName: (text: string) => void; more?: () => void; moreLoading?: boolean; stale?: boolean;
}) {
  const may = useMay();
  const [chosen, setChosen] = useState<Record<string, Held>>({});
  const [asked, setAsked] = useState<Asked>();
  const selected = Object.values(chosen).filter((o) => rows.some((r) => r.object.id === o.object.id) || name !== '');
  const decide = useAct((a: Asked) => post<{ decided: number; held: number }>('/propagation/holds/' + hold.id, { decision: a.decision, ...(a.objects ? { objects: a.objects.map((o) => o.object.id) } : {}) }), [['live'], ['activities']]);
  const confirm = () => {
    if (!asked) return;
    decide.mutate(asked, {
      onSuccess: (answer) => {
        done(`${plural(answer.decided, 'operation')} ${asked.decision === 'APPROVE' ? 'approved' : 'rejected'}${answer.held > 0 ? `; ${number(answer.held)} stay held` : ''}.`);
        setChosen({});
        setAsked(undefined);
      },
    });
  };
  const toggle = (o: Held) => setChosen((c) => { const { [o.object.id]: was, ...rest } = c; return was ? rest : { ...rest, [o.object.id]: o }; });
  const whole = rows.length > 0 && rows.every((o) => chosen[o.object.id]);
  return (
    <Paper p={{ base: 'md', sm: 'lg' }} component="section" aria-labelledby={'hold-' + hold.id}>
      <Head store={store} id={'hold-' + hold.id} title={`${plural(hold.held, 'operation')} held`} hold={hold} />
      <Text size="sm" mt="sm" className="wrap" maw={900}>{sentence(hold.why)}</Text>
      {hold.expiresAt && (
        <Group gap={6} mt={6} wrap="nowrap" align="flex-start" c="dimmed">
          <IconClockHour4 size={15} aria-hidden style={{ flexShrink: 0, marginTop: 2 }} />
          <Text size="sm">If nobody decides until {time(hold.expiresAt)}, it counts as rejected: nobody loses anything by silence.</Text>
        </Group>
      )}
      {may.editAll ? (
        <Group mt="md" gap="xs">
          <Button onClick={() => setAsked({ decision: 'APPROVE' })}>Approve all</Button>
          <Button variant="default" onClick={() => setAsked({ decision: 'REJECT' })}>Reject all</Button>
          {selected.length > 0 && (
            <>
              <Button variant="outline" onClick={() => setAsked({ decision: 'APPROVE', objects: selected })}>Approve selected ({number(selected.length)})</Button>
              <Button variant="default" onClick={() => setAsked({ decision: 'REJECT', objects: selected })}>Reject selected ({number(selected.length)})</Button>
            </>
          )}
        </Group>
      ) : <Alert mt="md" color="gray" icon={<IconAlertTriangle aria-hidden />}>Only an Environment Admin can decide.</Alert>}
      <Group justify="space-between" mt="lg" mb="xs" gap="xs">
        <Search value={name} onChange={onName} label="Search by name" />
        {may.editAll && rows.length > 0 && <Checkbox label={`Select the ${number(rows.length)} shown`} checked={whole} indeterminate={!whole && selected.length > 0} onChange={() => setChosen(whole ? {} : Object.fromEntries(rows.map((o) => [o.object.id, o])))} />}
      </Group>
      <List
        label={`What is held on ${store.name}`} rows={rows} rowKey={(o) => o.object.id} more={more} moreLoading={moreLoading} stale={stale}
        empty={<Empty title="Nobody of that name is held" />}
        columns={[
          ...(may.editAll ? [{ label: 'Select', width: 64, cell: (o: Held) => <Checkbox aria-label={`Select ${o.object.name}`} checked={!!chosen[o.object.id]} onChange={() => toggle(o)} /> }] : []),
          { label: 'Who', cell: (o: Held) => <Who of={o} /> },
          { label: 'Why', wide: true, cell: (o: Held) => <Text size="sm" className="wrap">{sentence(o.why)}</Text> },
          { label: 'Cause', wide: true, cell: (o: Held) => <Text size="sm" c="dimmed" className="wrap">{sentence(o.cause ?? '')}</Text> },
        ]}
      />
      <Confirm
        opened={asked !== undefined} onClose={() => { decide.reset(); setAsked(undefined); }} onConfirm={confirm} loading={decide.isPending} error={decide.error}
        title={asked?.decision === 'APPROVE' ? 'Approve?' : 'Reject?'} color={asked?.decision === 'APPROVE' ? 'red.9' : undefined} action={asked?.decision === 'APPROVE' ? 'Approve' : 'Reject'}
      >
        {asked && <Consequence asked={asked} hold={hold} rows={rows} store={store} />}
      </Confirm>
    </Paper>
  );
}

/** What a decision will do, to how many. */
function Consequence({ asked, hold, rows, store }: { asked: Asked; hold: Hold; rows: Held[]; store: Store }) {
  const of = asked.objects ?? rows;
  const known = asked.objects !== undefined || rows.length >= hold.held;
  const { people, members, groups } = countOf(of);
  const parts: string[] = [];
  const approve = asked.decision === 'APPROVE';
  if (people > 0) parts.push(approve ? `${plural(people, 'person loses', 'people lose')} access to ${store.name}: ${people === 1 ? 'the account is' : 'their accounts are'} disabled, and nothing is deleted` : `${plural(people, 'person keeps', 'people keep')} access to ${store.name}`);
  if (groups > 0) parts.push(approve ? `${plural(members, 'member is', 'members are')} taken out of ${plural(groups, 'group')}` : `${plural(members, 'member stays', 'members stay')} in ${plural(groups, 'group')}`);
  return (
    <Stack gap="xs">
      <Text size="sm">{known ? parts.join(', and ') + '.' : approve ? `All ${number(hold.held)} held operations are done on ${store.name}: people are disabled, members are taken out of groups. Nothing is deleted.` : `None of the ${number(hold.held)} held operations is done on ${store.name}.`}</Text>
      <Text size="sm" c="dimmed">{approve ? 'It begins at once, and is noted in the activity log with your name.' : 'They stay as they are, and are marked with your name. You are asked again only when somebody is to lose access for another reason.'}</Text>
    </Stack>
  );
}

function Who({ of }: { of: Held }) {
  const members = of.members?.remove ?? [];
  return (
    <Box miw={0}>
      <Group gap={8}>
        {of.kind === 'USER' ? <Anchor component={Link} to={`/directory/users/${of.object.id}/sync`} size="sm" fw={550} className="wrap">{of.object.name}</Anchor> : <Text size="sm" fw={550} className="wrap">{of.object.name}</Text>}
        <Status dot={false} label={of.kind === 'USER' ? verbs[of.verb].label : 'Group'} color={verbs[of.kind === 'USER' ? of.verb : 'disable'].color} />
      </Group>
      {of.kind === 'GROUP' && <Text size="xs" c="dimmed" mt={2} className="wrap">{plural(members.length, 'member')} would be taken out: {members.slice(0, 8).join(', ')}{members.length > 8 ? ` and ${number(members.length - 8)} more` : ''}</Text>}
      <Text size="xs" c="dimmed" hiddenFrom="sm" mt={2} className="wrap">{sentence(of.why)}</Text>
    </Box>
  );
}

function Head({ store, id, title, hold }: { store: Store; id: string; title: string; hold: Hold }) {
  return (
    <Group justify="space-between" gap="xs" align="flex-start">
      <Group gap="sm" wrap="nowrap" miw={0}>
        <StoreIcon type={store.type} />
        <Box miw={0}>
          <Title order={2} id={id}>{title}</Title>
          <Text size="xs" c="dimmed"><Anchor component={Link} to={`/integrations/provisioning/connections/${store.id}`} size="xs" underline="always">{store.name}</Anchor> · held <Ago at={hold.heldSince} /></Text>
        </Box>
      </Group>
      <Status label="Held" color="orange" />
    </Group>
  );
}

/** A group that was on the target before, with members who are not ours. */
function Overwrite({ store, hold }: { store: Store; hold: Hold }) {
  const may = useMay();
  const [asked, setAsked] = useState<Decision>();
  const decide = useAct((decision: Decision) => post('/propagation/holds/' + hold.id, { decision }), [['live'], ['activities']]);
  const op = hold.operations[0];
  const leaving = op?.members?.remove ?? [];
  const name = op?.object.name ?? 'The group';
  const confirm = () => asked && decide.mutate(asked, { onSuccess: () => { done(asked === 'APPROVE' ? `${name} is overwritten.` : `${name} stays as it is.`); setAsked(undefined); } });
  return (
    <Paper p={{ base: 'md', sm: 'lg' }} component="section" aria-labelledby={'hold-' + hold.id}>
      <Head store={store} id={'hold-' + hold.id} title={`Group ${name}`} hold={hold} />
      <Text size="sm" mt="sm" className="wrap" maw={900}>It was on the target before. {plural(leaving.length, 'member who is not ours', 'members who are not ours')} would be taken out: {leaving.slice(0, 20).join(', ')}{leaving.length > 20 ? ` and ${number(leaving.length - 20)} more` : ''}.</Text>
      {may.editAll && (
        <Group mt="md" gap="xs">
          <Button onClick={() => setAsked('APPROVE')}>Overwrite it</Button>
          <Button variant="default" onClick={() => setAsked('REJECT')}>Leave it</Button>
        </Group>
      )}
      <Confirm
        opened={asked !== undefined} onClose={() => { decide.reset(); setAsked(undefined); }} onConfirm={confirm} loading={decide.isPending} error={decide.error}
        title={asked === 'APPROVE' ? `Overwrite ${name}?` : `Leave ${name} as it is?`} color={asked === 'APPROVE' ? 'red.9' : undefined} action={asked === 'APPROVE' ? 'Overwrite' : 'Leave it'}
      >
        {asked === 'APPROVE' ? `${plural(leaving.length, 'member')} of the group on ${store.name} ${leaving.length === 1 ? 'is' : 'are'} taken out of it. They keep their accounts.` : `Nothing of the group is written on ${store.name} until somebody agrees.`}
      </Confirm>
    </Paper>
  );
}
