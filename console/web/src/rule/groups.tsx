import { ActionIcon, Alert, Anchor, Button, Checkbox, Group as Row, Modal, Paper, SegmentedControl, Select, Stack, Text, Tooltip } from '@mantine/core';
import { IconAlertTriangle, IconRefresh, IconUsersGroup } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { Link } from 'react-router';
import { get, post, put, query, quoted, sentence } from '../api';
import { done, publish, ruleBody, useAct, useCatalogue, useMembersMatching, usePages } from '../data';
import { useMay } from '../session';
import { accountState, accountStates, consentTexts, groupKind, number, ownerships, plural } from '../text';
import type { Account, Group, Page, Rule, Store, Trace } from '../types';
import { Ago, Empty, Failed, List, Search, Section, Status } from '../ui/parts';
import { TraceModal } from '../ui/syncpanel';

/** PingOne recommends no more groups of a rule. */
const recommended = 1000;
const chunk = 100;

/** The groups with these ids, as far as they exist still. */
const useGroupsNamed = (ids: string[], enabled: boolean) =>
  useQuery({
    queryKey: ['groups', 'named', ids], enabled: enabled && ids.length > 0,
    queryFn: async ({ signal }) => {
      const out: Group[] = [];
      for (let i = 0; i < ids.length; i += chunk) {
        const filter = ids.slice(i, i + chunk).map((id) => `id eq ${quoted(id)}`).join(' or ');
        out.push(...(await get<Page<'groups', Group>>('/groups' + query({ filter, limit: chunk, include: 'totalMemberCounts' }), signal))._embedded.groups);
      }
      return out;
    },
  });

interface Line { id: string; group?: Group }

/** Chooses the groups of a rule, in PingOne's words. */
export function GroupsEditor({ value, onChange, filter, readOnly }: { value: string[]; onChange: (ids: string[]) => void; filter: string; readOnly?: boolean }) {
  const [view, setView] = useState(value.length > 0 ? 'selected' : 'all');
  const [text, setText] = useState('');
  const [shown, setShown] = useState(50);
  const all = usePages<'groups', Group>(['groups', 'list'], '/groups', 'groups', { filter: text.trim() && `name co ${quoted(text.trim())}`, include: 'totalMemberCounts', limit: 50 });
  const selected = useGroupsNamed(value, view === 'selected');
  const has = new Set(value);
  const set = (ids: string[], on: boolean) => onChange(on ? [...value, ...ids.filter((id) => !has.has(id))] : value.filter((id) => !ids.includes(id)));
  const byId = new Map(selected.data?.map((g) => [g.id, g]));
  const lines: Line[] = view === 'all' ? all.rows.map((group) => ({ id: group.id, group })) : value.map((id) => ({ id, group: byId.get(id) })).filter((l) => !text.trim() || l.group?.name.toLowerCase().includes(text.trim().toLowerCase()));
  const rows = view === 'all' ? lines : lines.slice(0, shown);
  const on = rows.filter((l) => has.has(l.id)).length;
  const waiting = view === 'all' ? all.isLoading : selected.isLoading;
  return (
    <Stack gap="sm">
      <Row gap="sm" justify="space-between">
        <Search value={text} onChange={setText} label="Search Group Name" />
        <SegmentedControl aria-label="Which groups" value={view} onChange={setView} data={[{ value: 'all', label: 'All Groups' }, { value: 'selected', label: `Selected Groups (${number(value.length)})` }]} />
      </Row>
      {value.length > recommended && <Alert color="yellow" title={`${number(value.length)} groups are selected`}>More than {number(recommended)} groups on one rule are not recommended: each change of the rule looks at all of them.</Alert>}
      <List<Line>
        label={view === 'all' ? 'All Groups' : 'Selected Groups'} rows={rows} rowKey={(l) => l.id} loading={waiting} error={view === 'all' ? all.error : selected.error} again={() => void (view === 'all' ? all : selected).refetch()} stale={view === 'all' && all.isPlaceholderData}
        more={view === 'all' ? (all.hasNextPage ? () => void all.fetchNextPage() : undefined) : lines.length > shown ? () => setShown(shown + 50) : undefined} moreLoading={view === 'all' && all.isFetchingNextPage}
        empty={text.trim() ? <Empty title="No group matches">Try another name.</Empty> : view === 'selected' ? <Empty icon={<IconUsersGroup size={36} stroke={1.3} />} title="No group is selected">{readOnly ? 'The rule takes no groups to the target.' : 'Choose some under All Groups. A rule can also do without.'}</Empty> : (
          <Empty icon={<IconUsersGroup size={36} stroke={1.3} />} title="There is no group yet" action={<Button variant="default" component={Link} to="/directory/groups">Go to groups</Button>}>Groups are made under Directory → Groups.</Empty>
        )}
        columns={[
          ...(readOnly ? [] : [{
            label: 'Select', width: 60, head: <Checkbox aria-label="Select all that are shown" checked={rows.length > 0 && on === rows.length} indeterminate={on > 0 && on < rows.length} onChange={(e) => set(rows.map((l) => l.id), e.currentTarget.checked)} />,
            cell: (l: Line) => <Checkbox aria-label={`Select ${l.group?.name ?? 'a deleted group'}`} checked={has.has(l.id)} onChange={(e) => set([l.id], e.currentTarget.checked)} />,
          }]),
          { label: 'Group', whole: true, cell: (l) => l.group ? <div><Anchor component={Link} to={'/directory/groups/' + l.id} size="sm" fw={550}>{l.group.name}</Anchor>{l.group.description && <Text size="xs" c="dimmed" lineClamp={1}>{l.group.description}</Text>}</div> : <Text size="sm" c="dimmed">a deleted group</Text> },
          { label: 'Kind', width: 110, wide: true, cell: (l) => l.group && <Status of={groupKind(l.group)} dot={false} /> },
          { label: 'Members', width: 100, align: 'right' as const, wide: view === 'selected', cell: (l) => l.group && number(l.group.totalMemberCounts?.users ?? 0) },
          ...(view === 'selected' && filter ? [{ label: 'Covered', width: 110, align: 'right' as const, cell: (l: Line) => l.group && <Covered group={l.id} filter={filter} /> }] : []),
        ]}
      />
      {view === 'selected' && value.length > 0 && filter && <Text size="xs" c="dimmed">Covered: members whom the rule’s user filter takes in. Others get no account by this rule, and are not put into the group.</Text>}
    </Stack>
  );
}

function Covered({ group, filter }: { group: string; filter: string }) {
  const q = useMembersMatching(group, filter);
  return <>{q.data ? (q.data.count === undefined ? 'many' : number(q.data.count)) : q.error ? '—' : '…'}</>;
}

/** What somebody agreed to while a rule is being set up: it goes with the publishing. What is not here when the page is loaded anew is asked for again. */
export const consents = new Map<string, 'OVERWRITE' | 'HOLD' | 'MERGE'>();

export const handlingOf = (store: Store) => (String(store.configuration.GROUP_MEMBERSHIP_HANDLING ?? 'Merge').toLowerCase() === 'overwrite' ? 'Overwrite' : 'Merge');

/** PingOne's dialog before groups are taken to a target where groups of the same name may be. */
export function Consent({ store, added, removed, active, onClose, onAgree, loading, error }: {
  store: Store; added: number; removed?: ReactNode; active: boolean; onClose: () => void; onAgree: (how: 'OVERWRITE' | 'HOLD' | 'MERGE') => void; loading?: boolean; error?: unknown;
}) {
  const handling = handlingOf(store);
  const [understood, setUnderstood] = useState(false);
  const texts = consentTexts[handling];
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>{added > 0 ? texts.title : 'Take groups off the rule?'}</Text>} size="lg">
      <Stack>
        {added > 0 && <Text size="sm">{plural(added, 'group')} {active ? `${added === 1 ? 'goes' : 'go'} to ${store.name} at once` : `will go to ${store.name} when the rule is enabled`}. {texts.text.replaceAll('TARGET', store.name)}</Text>}
        {added > 0 && handling === 'Overwrite' && <Alert color="orange" icon={<IconAlertTriangle aria-hidden />} title="Members may be taken out">{texts.warning}</Alert>}
        {removed}
        <Checkbox label="I understand and want to continue" checked={understood} onChange={(e) => setUnderstood(e.currentTarget.checked)} data-autofocus />
        {error ? <Failed error={error} title="The groups were not saved" /> : null}
        <Row justify="flex-end" gap="xs">
          {added > 0 && handling === 'Overwrite' && <Tooltip label="Groups that are there already are not written; each waits, with the list of who would go, until somebody decides." multiline maw={280}><Button variant="subtle" color="gray" onClick={() => onAgree('HOLD')} disabled={loading} mr="auto">Hold existing groups instead</Button></Tooltip>}
          <Button variant="default" onClick={onClose}>Cancel</Button>
          <Button color={removed || handling === 'Overwrite' ? 'red' : undefined} onClick={() => onAgree(added === 0 || handling === 'Merge' ? 'MERGE' : 'OVERWRITE')} disabled={!understood} loading={loading}>Continue</Button>
        </Row>
      </Stack>
    </Modal>
  );
}

/** Whether the target of a rule has groups at all. */
export const useHasGroups = (type: string) => useCatalogue().data?.find((t) => t.type === type)?.groups ?? true;

const same = (a: string[], b: string[]) => a.length === b.length && [...a].sort().join() === [...b].sort().join();

/** The groups of a rule: choosing them, and how they fare on the target. */
export function RuleGroups({ rule, store }: { rule: Rule; store: Store }) {
  const may = useMay();
  const hasGroups = useHasGroups(store.type);
  const saved = rule.groups.map((g) => g.id);
  const [ids, setIds] = useState(saved);
  const [asking, setAsking] = useState(false);
  const added = ids.filter((id) => !saved.includes(id));
  const gone = saved.filter((id) => !ids.includes(id));
  const leaving = useGroupsNamed(gone, asking && gone.length > 0);
  const save = useAct(async (how?: 'OVERWRITE' | 'HOLD' | 'MERGE') => {
    await put('/propagation/rules/' + rule.id, { ...ruleBody(rule), groups: ids.map((id) => ({ id })) });
    if (rule.active) await publish(how === 'OVERWRITE');
    else if (how) consents.set(rule.id, how);
    setAsking(false);
    done('The groups are saved.');
  }, [['rules'], ['live'], ['activities'], ['preview']]);
  if (!hasGroups && saved.length === 0) return <Paper><Empty icon={<IconUsersGroup size={40} stroke={1.3} />} title="This kind of target has no groups">Rules to {store.name} carry people only.</Empty></Paper>;
  const counts = leaving.data?.reduce((n, g) => n + (g.totalMemberCounts?.users ?? 0), 0) ?? 0;
  return (
    <Stack>
      <Section title="Groups">
        <Stack>
          <Text size="sm" c="dimmed">The groups that go to {store.name}, each with those of its members whom the rule covers. Existing members there: {handlingOf(store) === 'Merge' ? 'Merge, they stay' : 'Overwrite, they go'}.</Text>
          <GroupsEditor value={ids} onChange={setIds} filter={rule.populationExpression} readOnly={!may.editAll} />
          {save.error && !asking && <Failed error={save.error} title="The groups were not saved" />}
          {may.editAll && <Row justify="flex-end"><Button variant="default" disabled={same(ids, saved)} onClick={() => setIds(saved)}>Discard</Button><Button disabled={same(ids, saved)} loading={save.isPending} onClick={() => { save.reset(); if (added.length > 0 || rule.active) setAsking(true); else save.mutate(undefined); }}>Save</Button></Row>}
        </Stack>
      </Section>
      <GroupSync rule={rule} />
      {asking && (
        <Consent
          store={store} added={added.length} active={rule.active} onClose={() => setAsking(false)} onAgree={(how) => save.mutate(how)} loading={save.isPending} error={save.error}
          removed={gone.length > 0 && rule.active && (
            <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title={`${plural(gone.length, 'group')} will no longer be carried`}>
              {leaving.data ? `${leaving.data.slice(0, 5).map((g) => g.name).join(', ')}${leaving.data.length > 5 ? ` and ${number(leaving.data.length - 5)} more` : ''}: up to ${plural(counts, 'membership')} that Lockstep made at ${store.name} ${counts === 1 ? 'is' : 'are'} taken back` : 'Memberships that Lockstep made there are taken back'}, unless another rule carries {gone.length === 1 ? 'it' : 'them'}. The accounts of people stay. The groups themselves are deleted only if Lockstep made them and the connection allows it.
            </Alert>
          )}
        />
      )}
    </Stack>
  );
}

/** How each group of the rule stands on the target. */
function GroupSync({ rule }: { rule: Rule }) {
  const may = useMay();
  const [status, setStatus] = useState<string | null>(null);
  const [trace, setTrace] = useState<{ of: string; trace: Trace }>();
  const q = usePages<'syncedGroups', Account>(['live', 'syncedGroups', rule.id], `/propagation/rules/${rule.id}/syncedGroups`, 'syncedGroups', { status: status ?? '', limit: 50 });
  const now = useAct(async (a: Account) => setTrace({ of: a.object!.name, trace: await post<Trace>(`/groups/${a.object!.id}/syncedRules/${rule.id}`) }), [['live'], ['activities']], 'Provisioning did not work');
  return (
    <Section title="Group sync status" actions={<Select aria-label="Status of groups" placeholder="Any status" clearable size="xs" w={170} data={Object.entries(accountStates).map(([value, s]) => ({ value, label: s.label }))} value={status} onChange={setStatus} />}>
      <List<Account>
        label="Groups of the rule" rows={q.rows} rowKey={(a) => a.id} loading={q.isLoading} error={q.error} again={() => void q.refetch()} stale={q.isPlaceholderData} more={q.hasNextPage ? () => void q.fetchNextPage() : undefined} moreLoading={q.isFetchingNextPage}
        empty={<Empty icon={<IconUsersGroup size={36} stroke={1.3} />} title={status ? 'No group has this status' : 'No group has been synced'}>{status ? '' : rule.active ? 'Groups appear here when they are selected.' : 'They appear when the rule is enabled.'}</Empty>}
        columns={[
          { label: 'Group', whole: true, cell: (a) => (a.object ? <Anchor component={Link} to={`/directory/groups/${a.object.id}/sync`} size="sm" fw={550}>{a.object.name}</Anchor> : '—') },
          { label: 'Status', width: 150, cell: (a) => <Status of={accountState(a.status)} /> },
          { label: 'Details', wide: true, cell: (a) => <Text size="sm" c="dimmed" className="wrap">{a.error ? sentence(a.error.message) : a.details ? sentence(a.details) : ''}</Text> },
          { label: 'Ownership', wide: true, width: 110, cell: (a) => (a.ownership ? ownerships[a.ownership].label : '—') },
          { label: 'Last sync', wide: true, width: 140, cell: (a) => <Text size="sm"><Ago at={a.lastSyncAt} /></Text> },
          ...(may.editAll ? [{ label: 'Now', width: 60, cell: (a: Account) => a.object && rule.active && <Tooltip label="Provision now"><ActionIcon variant="subtle" color="gray" aria-label={`Provision ${a.object.name} now`} loading={now.isPending && now.variables?.id === a.id} onClick={() => now.mutate(a)}><IconRefresh size={16} /></ActionIcon></Tooltip> }] : []),
        ]}
      />
      {trace && <TraceModal title={`${trace.of} provisioned with ${rule.name}`} trace={trace.trace} onClose={() => setTrace(undefined)} />}
    </Section>
  );
}
