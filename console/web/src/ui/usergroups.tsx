import { ActionIcon, Anchor, Button, Center, Group, Modal, Stack, Text, Tooltip } from '@mantine/core';
import { IconInfoCircle, IconPlus, IconUsersGroup, IconX } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'react-router';
import { ApiError, post, remove, sentence } from '../api';
import { done, staleGroups, useAct, useGroup, useMemberships } from '../data';
import { useMay } from '../session';
import { nameOf } from '../text';
import type { GroupMembership, User } from '../types';
import { Confirm, Empty, Failed, List, Loading, Status } from './parts';
import { GroupPicker } from './pickers';
import { Reach, useReach } from './reach';

export const membershipTypes = {
  DIRECT: { label: 'Direct', color: 'lagoon', help: 'A member of the group itself: put in, or matched by its filter.' },
  INDIRECT: { label: 'Nested', color: 'gray', help: 'A member because a group that is nested in it has them.' },
} as const;

/** Every group that somebody is in, and why. */
export function UserGroups({ user }: { user: User }) {
  const may = useMay();
  const q = useMemberships('users', user.id);
  const [adding, setAdding] = useState(false);
  const [leaving, setLeaving] = useState<GroupMembership>();
  return (
    <>
      {may.editDirectory && <Group justify="flex-end" mb="md"><Button variant="default" leftSection={<IconPlus size={16} />} onClick={() => setAdding(true)}>Add to a group</Button></Group>}
      <List<GroupMembership>
        label="Groups" rows={q.data ?? []} rowKey={(m) => m.id} to={(m) => '/directory/groups/' + m.id} loading={q.isLoading} error={q.error} again={() => void q.refetch()}
        empty={<Empty icon={<IconUsersGroup size={40} stroke={1.3} />} title="In no group">{nameOf(user)} is in no group. Groups are kept under Directory → Groups.</Empty>}
        columns={[
          { label: 'Group', whole: true, cell: (m) => <Anchor component={Link} to={'/directory/groups/' + m.id} size="sm" fw={550}>{m.name}</Anchor> },
          { label: 'Why', cell: (m) => <Text size="sm" className="wrap">{sentence(m.reason)}</Text> },
          { label: 'Membership', width: 130, wide: true, cell: (m) => <Status of={membershipTypes[m.type]} dot={false} /> },
          ...(may.editDirectory ? [{ label: 'Edit', width: 60, cell: (m: GroupMembership) => <Leave membership={m} name={m.name} onClick={() => setLeaving(m)} /> }] : []),
        ]}
      />
      {adding && <Join user={user} has={(q.data ?? []).filter((m) => m.removable).map((m) => m.id)} onClose={() => setAdding(false)} />}
      {leaving && <LeaveGroup group={leaving.id} user={user} onClose={() => setLeaving(undefined)} />}
    </>
  );
}

/** The button that ends a membership, or why it cannot be ended by itself. */
export function Leave({ membership: m, name, onClick }: { membership: Pick<GroupMembership, 'removable' | 'type'>; name: string; onClick: () => void }) {
  const why = m.removable ? `Remove ${name}` : m.type === 'INDIRECT' ? 'Comes from a nested group: change who is in that one.' : 'Comes from the filter of the group: change the person or the filter.';
  return (
    <Tooltip label={why} multiline maw={260} events={{ hover: true, focus: true, touch: true }}>
      {m.removable ? <ActionIcon variant="subtle" color="gray" aria-label={why} onClick={onClick}><IconX size={16} /></ActionIcon> : <Center w={28} h={28} c="dimmed" role="img" aria-label={why} tabIndex={0}><IconInfoCircle size={16} /></Center>}
    </Tooltip>
  );
}

/** Asks before somebody is taken out of a group. */
export function LeaveGroup({ group, user, onClose }: { group: string; user: User; onClose: () => void }) {
  const q = useGroup(group);
  if (!q.data) return <Modal opened onClose={onClose} title={<Text fw={650}>Remove {nameOf(user)}?</Text>}>{q.error ? <Failed error={q.error} /> : <Loading rows={2} />}</Modal>;
  return <LeaveKnown group={q.data} user={user} onClose={onClose} />;
}

function LeaveKnown({ group, user, onClose }: { group: Parameters<typeof useReach>[0]; user: User; onClose: () => void }) {
  const reach = useReach(group);
  const leave = useAct(() => remove(`/users/${user.id}/memberOfGroups/${group.id}`).then(() => { done(`${nameOf(user)} is not a direct member of ${group.name} any more.`); onClose(); }), staleGroups);
  return (
    <Confirm opened onClose={onClose} title={`Remove ${nameOf(user)} from ${group.name}?`} action="Remove" onConfirm={() => leave.mutate(undefined)} loading={leave.isPending} error={leave.error} disabled={!reach.known && !reach.error}>
      <Stack gap="xs">
        <Text size="sm">{nameOf(user)} stays in the directory.</Text>
        <Reach of={reach} who={nameOf(user)} count={1} />
      </Stack>
    </Confirm>
  );
}

function Join({ user, has, onClose }: { user: User; has: string[]; onClose: () => void }) {
  const [group, setGroup] = useState('');
  const join = useAct(() => post(`/users/${user.id}/memberOfGroups`, { id: group }).then(onClose), staleGroups);
  const error = join.error instanceof ApiError ? join.error : undefined;
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>Add {nameOf(user)} to a group</Text>}>
      <form onSubmit={(e) => { e.preventDefault(); join.mutate(undefined); }}>
        <Stack>
          <GroupPicker label="Group" value={group} onChange={setGroup} without={has} error={error?.at('id')} />
          {join.error && !error?.at('id') && <Failed error={join.error} title="That did not work" />}
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={join.isPending} disabled={!group}>Add</Button></Group>
        </Stack>
      </form>
    </Modal>
  );
}
