import { ActionIcon, Alert, Anchor, Button, Group as Row, Menu, Modal, Paper, SimpleGrid, Stack, Tabs, Text } from '@mantine/core';
import { useDebouncedValue, useDisclosure } from '@mantine/hooks';
import { IconAlertTriangle, IconDots, IconPencil, IconPlus, IconTrash, IconUsers } from '@tabler/icons-react';
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { ApiError, errorText, post, put, remove, sentence } from '../api';
import { done, isMissing, staleGroups, useAct, useGroup, useMatching, useMemberships, useMembersMatching, useNested, usePages, usePopulations } from '../data';
import { FilterEditor } from '../rule/filtereditor';
import { useMay } from '../session';
import { groupKind, nameOf, number, plural } from '../text';
import type { Group, GroupMember, User } from '../types';
import { ActivityList } from '../ui/activitylist';
import { GroupForm, groupBody } from '../ui/groupform';
import { GroupTree } from '../ui/grouptree';
import { Ago, Confirm, CopyText, Empty, Facts, Failed, Figure, List, Loading, PageHead, Search, Section, Status } from '../ui/parts';
import { GroupPicker, PeoplePicker, searchFilter } from '../ui/pickers';
import { Reach, useReach } from '../ui/reach';
import { SyncPanel } from '../ui/syncpanel';
import { Leave, LeaveGroup } from '../ui/usergroups';

export default function GroupPage() {
  const { id = '', tab = 'members' } = useParams();
  const group = useGroup(id);
  const navigate = useNavigate();
  if (isMissing(group)) return <Failed error={group.error} again={() => void group.refetch()} />;
  if (!group.data) return <Loading />;
  const g = group.data;
  return (
    <>
      <PageHead title={g.name} crumbs={[['Groups', '/directory/groups']]} badge={<Status of={groupKind(g)} dot={false} />} actions={<Actions group={g} />}>
        {g.description}
      </PageHead>
      <Tabs value={tab} onChange={(t) => void navigate(`/directory/groups/${id}${t === 'members' ? '' : '/' + t}`, { replace: true })} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="members">Members</Tabs.Tab>
          <Tabs.Tab value="nesting">Nesting</Tabs.Tab>
          <Tabs.Tab value="filter">Filter</Tabs.Tab>
          <Tabs.Tab value="details">Details</Tabs.Tab>
          <Tabs.Tab value="sync">Sync Status</Tabs.Tab>
          <Tabs.Tab value="activity">Timeline</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="members"><Members group={g} /></Tabs.Panel>
        <Tabs.Panel value="nesting"><Nesting group={g} /></Tabs.Panel>
        <Tabs.Panel value="filter"><Filter key={g.userFilter} group={g} /></Tabs.Panel>
        <Tabs.Panel value="details"><Details group={g} /></Tabs.Panel>
        <Tabs.Panel value="sync"><SyncPanel of="groups" id={id} /></Tabs.Panel>
        <Tabs.Panel value="activity"><ActivityList filter={`resources.id eq "${id}"`} /></Tabs.Panel>
      </Tabs>
    </>
  );
}

const total = (g: Group) => g.totalMemberCounts?.users ?? g.directMemberCounts.users;

function Actions({ group }: { group: Group }) {
  const may = useMay();
  const [editing, edits] = useDisclosure();
  const [deleting, deletes] = useDisclosure();
  if (!may.editDirectory) return null;
  return (
    <>
      <Button variant="default" leftSection={<IconPencil size={16} />} onClick={edits.open}>Edit</Button>
      <Menu position="bottom-end">
        <Menu.Target><ActionIcon variant="default" size="lg" aria-label="More actions"><IconDots size={18} /></ActionIcon></Menu.Target>
        <Menu.Dropdown><Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={deletes.open}>Delete</Menu.Item></Menu.Dropdown>
      </Menu>
      {editing && <GroupForm group={group} onClose={edits.close} />}
      {deleting && <Delete group={group} onClose={deletes.close} />}
    </>
  );
}

function Delete({ group, onClose }: { group: Group; onClose: () => void }) {
  const navigate = useNavigate();
  const reach = useReach(group);
  const nested = useNested(group.id);
  const n = total(group);
  const del = useAct(() => remove('/groups/' + group.id).then(() => { done(`${group.name} was deleted.`); void navigate('/directory/groups'); }), staleGroups);
  const inside = nested.data ?? [];
  return (
    <Confirm opened onClose={onClose} title={`Delete ${group.name}?`} action="Delete group" onConfirm={() => del.mutate(undefined)} loading={del.isPending} error={del.error} disabled={(!reach.known && !reach.error) || nested.isLoading}>
      <Stack gap="xs">
        <Text size="sm">The group cannot be brought back. {n === 0 ? 'Nobody is in it.' : `${plural(n, 'person leaves', 'people leave')} it, and ${n === 1 ? 'stays' : 'stay'} in the directory.`}{inside.length > 0 && ` ${plural(inside.length, 'group')} nested in it (${inside.slice(0, 3).map((g) => g.name).join(', ')}${inside.length > 3 ? ', …' : ''}) ${inside.length === 1 ? 'stays' : 'stay'} too.`}</Text>
        <Reach of={reach} who={plural(n, 'person', 'people')} count={n} />
        {reach.carriers.length > 0 && <Text size="sm">On the target the group itself is deleted only if Lockstep made it and the connection allows groups to be deleted.</Text>}
      </Stack>
    </Confirm>
  );
}

function Members({ group }: { group: Group }) {
  const may = useMay();
  const [text, setText] = useState('');
  const [adding, adds] = useDisclosure();
  const [leaving, setLeaving] = useState<User>();
  const filter = text.trim() && searchFilter(text);
  const q = usePages<'members', GroupMember>(['groups', 'members', group.id], `/groups/${group.id}/members`, 'members', { filter, limit: 50 });
  const user = (m: GroupMember) => m._embedded.user;
  return (
    <>
      <Row mb="md" gap="sm" justify="space-between">
        <Row gap="sm">
          <Search value={text} onChange={setText} label="Search members" placeholder="Name or e-mail" />
          <Text size="sm" c="dimmed" aria-live="polite" className="numbers">{q.count === undefined ? '' : plural(q.count, filter ? 'match' : 'member', filter ? 'matches' : 'members')}</Text>
        </Row>
        {may.editDirectory && <Button leftSection={<IconPlus size={16} />} onClick={adds.open}>Add members</Button>}
      </Row>
      <List<GroupMember>
        label="Members" rows={q.rows} rowKey={(m) => m.id} to={(m) => '/directory/users/' + m.id} loading={q.isLoading} error={q.error} again={() => void q.refetch()} stale={q.isPlaceholderData}
        more={q.hasNextPage ? () => void q.fetchNextPage() : undefined} moreLoading={q.isFetchingNextPage}
        empty={filter ? <Empty title="Nobody matches">Try another name, or clear the search.</Empty> : (
          <Empty icon={<IconUsers size={40} stroke={1.3} />} title="Nobody is in this group" action={may.editDirectory && !group.userFilter && <Button onClick={adds.open}>Add members</Button>}>{group.userFilter ? 'Nobody matches its filter.' : 'Add people, give the group a filter, or nest groups in it.'}</Empty>
        )}
        columns={[
          { label: 'Name', whole: true, cell: (m) => (
            <div>
              <Text component={Link} to={'/directory/users/' + m.id} size="sm" fw={550} c="inherit" td="none">{nameOf(user(m))}</Text>
              <Text size="xs" c="dimmed" className="wrap">{user(m).email ?? user(m).username}</Text>
            </div>
          ) },
          { label: 'Why', cell: (m) => <Text size="sm" className="wrap">{sentence(m.reason)}</Text> },
          { label: 'Status', width: 110, wide: true, cell: (m) => <Status label={user(m).enabled ? 'Enabled' : 'Disabled'} color={user(m).enabled ? 'teal' : 'gray'} /> },
          ...(may.editDirectory ? [{ label: 'Edit', width: 60, cell: (m: GroupMember) => <Leave membership={m} name={nameOf(user(m))} onClick={() => setLeaving(user(m))} /> }] : []),
        ]}
      />
      {adding && <AddMembers group={group} onClose={adds.close} />}
      {leaving && <LeaveGroup group={group.id} user={leaving} onClose={() => setLeaving(undefined)} />}
    </>
  );
}

function AddMembers({ group, onClose }: { group: Group; onClose: () => void }) {
  const [people, setPeople] = useState<User[]>([]);
  const [refused, setRefused] = useState<string[]>([]);
  const add = useAct(async () => {
    const left: User[] = [];
    const why: string[] = [];
    for (const u of people) {
      try {
        await post(`/users/${u.id}/memberOfGroups`, { id: group.id });
      } catch (error) {
        left.push(u);
        why.push(`${nameOf(u)}: ${errorText(error)}`);
      }
    }
    if (left.length < people.length) done(`${plural(people.length - left.length, 'person is', 'people are')} in ${group.name} now.`);
    setPeople(left);
    setRefused(why);
    if (left.length === 0) onClose();
  }, staleGroups);
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>Add members to {group.name}</Text>} size="lg">
      <form onSubmit={(e) => { e.preventDefault(); add.mutate(undefined); }}>
        <Stack>
          <PeoplePicker label="People" people={people} onChange={(list) => { setPeople(list); setRefused([]); }} />
          {group.userFilter && <Text size="sm" c="dimmed">Whoever matches the filter is in the group already. People whom you add stay, whether they match or not.</Text>}
          {refused.length > 0 && <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title="Not everybody could be added" role="alert">{refused.map((r) => <Text size="sm" key={r}>{r}</Text>)}</Alert>}
          <Row justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={add.isPending} disabled={people.length === 0}>{people.length === 0 ? 'Add' : `Add ${plural(people.length, 'person', 'people')}`}</Button></Row>
        </Stack>
      </form>
    </Modal>
  );
}

function Nesting({ group }: { group: Group }) {
  const may = useMay();
  const [adding, setAdding] = useState<'below' | 'above'>();
  const [leaving, setLeaving] = useState<{ inner: { id: string; name: string }; outer: { id: string; name: string } }>();
  const add = (direction: 'below' | 'above', label: string) => may.editDirectory && <Button size="xs" variant="default" leftSection={<IconPlus size={14} />} onClick={() => setAdding(direction)}>{label}</Button>;
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      <Section title="Nested in this group" actions={add('below', 'Nest a group here')}>
        <GroupTree direction="below" root={group.id} onRemove={may.editDirectory ? (b) => setLeaving({ inner: b, outer: group }) : undefined} empty="No group is nested here. Members of a nested group are members of this one." />
      </Section>
      <Section title="This group is nested in" actions={add('above', 'Nest in a group')}>
        <GroupTree direction="above" root={group.id} onRemove={may.editDirectory ? (b) => setLeaving({ inner: group, outer: b }) : undefined} empty="This group is nested in no other one." />
      </Section>
      {adding && <Nest group={group} direction={adding} onClose={() => setAdding(undefined)} />}
      {leaving && <Unnest {...leaving} onClose={() => setLeaving(undefined)} />}
    </SimpleGrid>
  );
}

function Nest({ group, direction, onClose }: { group: Group; direction: 'below' | 'above'; onClose: () => void }) {
  const [other, setOther] = useState('');
  const nest = useAct(() => post(`/groups/${direction === 'below' ? other : group.id}/memberOfGroups`, { id: direction === 'below' ? group.id : other }).then(onClose), staleGroups);
  const error = nest.error instanceof ApiError ? nest.error : undefined;
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>{direction === 'below' ? `Nest a group in ${group.name}` : `Nest ${group.name} in a group`}</Text>}>
      <form onSubmit={(e) => { e.preventDefault(); nest.mutate(undefined); }}>
        <Stack>
          <GroupPicker label="Group" value={other} onChange={(id) => { setOther(id); nest.reset(); }} without={[group.id]} error={error?.at('id')} />
          <Text size="sm" c="dimmed">{direction === 'below' ? `Everybody in that group is a member of ${group.name} as well, now and later.` : `Everybody in ${group.name} is a member of that group as well, now and later.`}</Text>
          {nest.error && !error?.at('id') && <Failed error={nest.error} title="That did not work" />}
          <Row justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={nest.isPending} disabled={!other}>Nest</Button></Row>
        </Stack>
      </form>
    </Modal>
  );
}

function Unnest({ inner, outer, onClose }: { inner: { id: string; name: string }; outer: { id: string; name: string }; onClose: () => void }) {
  const from = useGroup(outer.id);
  const members = useGroup(inner.id);
  if (!from.data || !members.data) return <Modal opened onClose={onClose} title={<Text fw={650}>Take {inner.name} out?</Text>}>{(from.error ?? members.error) ? <Failed error={from.error ?? members.error} /> : <Loading rows={2} />}</Modal>;
  return <UnnestKnown inner={members.data} outer={from.data} onClose={onClose} />;
}

function UnnestKnown({ inner, outer, onClose }: { inner: Group; outer: Group; onClose: () => void }) {
  const reach = useReach(outer);
  const n = total(inner);
  const unnest = useAct(() => remove(`/groups/${inner.id}/memberOfGroups/${outer.id}`).then(onClose), staleGroups);
  return (
    <Confirm opened onClose={onClose} title={`Take ${inner.name} out of ${outer.name}?`} action="Take out" onConfirm={() => unnest.mutate(undefined)} loading={unnest.isPending} error={unnest.error} disabled={!reach.known && !reach.error}>
      <Stack gap="xs">
        <Text size="sm">{n === 0 ? `Nobody is in ${inner.name}.` : `Up to ${plural(n, 'person leaves', 'people leave')} ${outer.name}: those who are in it because of ${inner.name} alone.`} {inner.name} itself and its members stay.</Text>
        {n > 0 && <Reach of={reach} who={plural(n, 'person', 'people')} count={n} />}
      </Stack>
    </Confirm>
  );
}

/** The filter of a dynamic group. What a change would do is counted while it is made. */
function Filter({ group }: { group: Group }) {
  const may = useMay();
  const [text, setText] = useState(group.userFilter ?? '');
  const [asking, asks] = useDisclosure();
  const changed = text.trim() !== (group.userFilter ?? '');
  const save = useAct(() => put<Group>('/groups/' + group.id, { ...groupBody(group), userFilter: text.trim() }).then(() => { asks.close(); done(text.trim() ? 'The filter is saved.' : 'The group has no filter any more.'); }), staleGroups);
  return (
    <Paper p={{ base: 'md', sm: 'lg' }} maw={920}>
      <Stack>
        <Text size="sm" c="dimmed">Whoever matches is a member, as soon as they match and as long as they do. A group can have a filter and people who were put in one by one. A filter cannot ask for groups: nest them instead.</Text>
        <FilterEditor value={text} onChange={setText} readOnly={!may.editDirectory} groups={false} hint={group.userFilter ? 'Without a condition the group has no filter: whoever is in it because of the filter leaves.' : 'The group has no filter. Add a condition to see whom it would take in.'} />
        {changed && <Effect group={group} filter={text.trim()} />}
        {save.error && !asking && <Failed error={save.error} title="The filter was not saved" />}
        {may.editDirectory && <Row justify="flex-end"><Button variant="default" disabled={!changed} onClick={() => setText(group.userFilter ?? '')}>Discard</Button><Button onClick={asks.open} disabled={!changed}>Save</Button></Row>}
        {asking && <SaveFilter group={group} filter={text.trim()} onClose={() => { asks.close(); save.reset(); }} onConfirm={() => save.mutate(undefined)} loading={save.isPending} error={save.error} />}
      </Stack>
    </Paper>
  );
}

/** Who would join and who would leave with another filter; undefined counts are not known. */
function useEffectOf(group: Group, filter: string) {
  const [settled] = useDebouncedValue(filter, 300);
  const join = useMatching(settled && `(${settled}) and not (memberOfGroups[id eq "${group.id}"])`, settled !== '');
  const gone = group.userFilter ? (settled ? `(${group.userFilter}) and not (${settled})` : group.userFilter) : '';
  const leave = useMembersMatching(group.id, gone, 5);
  const names = (list: User[]) => list.slice(0, 5).map(nameOf);
  return {
    failed: join.error ?? leave.error, known: (!settled || join.isSuccess) && (!gone || leave.isSuccess),
    join: settled ? join.data?.count : 0, joining: settled ? names(join.data?._embedded.users ?? []) : [],
    leave: gone ? leave.data?.count : 0, leaving: gone ? names((leave.data?._embedded.members ?? []).map((m) => m._embedded.user)) : [],
  };
}

const listed = (names: string[], n?: number) => (names.length === 0 ? '' : ': ' + names.join(', ') + (n === undefined || n > names.length ? ` and ${n === undefined ? '' : number(n - names.length) + ' '}more` : ''));
const counted = (n: number | undefined, one: string, many: string) => (n === undefined ? `Too many people to count ${many.split(' ').slice(1).join(' ')}` : plural(n, one, many));

function Effect({ group, filter }: { group: Group; filter: string }) {
  const e = useEffectOf(group, filter);
  if (e.failed) return null; // the editor says what is wrong with the filter
  if (!e.known) return <Text size="sm" c="dimmed" role="status" aria-label="Counting">Counting…</Text>;
  return (
    <Alert color={e.leave === 0 ? 'blue' : 'orange'} icon={e.leave === 0 ? undefined : <IconAlertTriangle aria-hidden />} title="What saving does" data-testid="effect">
      <Text size="sm">{e.join === 0 ? 'Nobody joins.' : `${counted(e.join, 'person joins', 'people join')}${listed(e.joining, e.join)}.`}</Text>
      <Text size="sm">{e.leave === 0 ? 'Nobody stops matching.' : `${counted(e.leave, 'person does', 'people do')} not match any more${listed(e.leaving, e.leave)}. They leave, unless they are in the group in another way too.`}</Text>
    </Alert>
  );
}

function SaveFilter({ group, filter, onClose, onConfirm, loading, error }: { group: Group; filter: string; onClose: () => void; onConfirm: () => void; loading: boolean; error: unknown }) {
  const e = useEffectOf(group, filter);
  const reach = useReach(group);
  const leave = e.leave ?? total(group);
  return (
    <Confirm opened onClose={onClose} title={filter ? `Save the filter of ${group.name}?` : `Remove the filter of ${group.name}?`} action={filter ? 'Save filter' : 'Remove filter'} color={leave > 0 ? 'red' : 'lagoon'} onConfirm={onConfirm} loading={loading} error={error ?? e.failed} disabled={!e.known || (!reach.known && !reach.error)}>
      <Stack gap="xs">
        <Effect group={group} filter={filter} />
        {leave > 0 && <Reach of={reach} who={plural(leave, 'person', 'people')} count={leave} />}
      </Stack>
    </Confirm>
  );
}

function Details({ group: g }: { group: Group }) {
  const populations = usePopulations();
  const above = useMemberships('groups', g.id);
  const reach = useReach(g);
  const own = reach.carriers.filter((r) => r.groups.some((x) => x.id === g.id));
  return (
    <Stack>
      <SimpleGrid cols={{ base: 2, sm: 3 }} spacing="sm">
        <Figure label="Members" value={total(g)} hint="in every way" />
        <Figure label="Of its own" value={g.directMemberCounts.users} hint="put in, or by the filter" />
        <Figure label="Nested in" value={above.data?.length ?? '…'} hint="groups, directly or not" />
      </SimpleGrid>
      <Section title="About this group">
        <Facts of={[
          ['Kind', groupKind(g).label], ['Population', g.population ? (populations.data?.find((p) => p.id === g.population?.id)?.name ?? '…') : 'The whole environment'],
          ...(g.externalId ? [['External ID', g.externalId] as [string, React.ReactNode]] : []),
          ...(g.customData ? [['Custom data', <Text key="d" size="xs" ff="monospace" className="wrap">{JSON.stringify(g.customData)}</Text>] as [string, React.ReactNode]] : []),
          ['Carried by', own.length === 0 ? 'no enabled rule' : <Stack key="r" gap={2}>{own.map((r) => <Anchor key={r.id} component={Link} to={`/integrations/provisioning/rules/${r.id}/groups`} size="sm">{r.name}</Anchor>)}</Stack>],
          ['Created', <Ago key="c" at={g.createdAt} />], ['Updated', <Ago key="u" at={g.updatedAt} />], ['ID', <CopyText key="i" text={g.id} label="the id" />],
        ]} />
      </Section>
    </Stack>
  );
}
