import { ActionIcon, Button, Menu, SimpleGrid, Switch, Tabs, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconDots, IconPencil, IconTrash } from '@tabler/icons-react';
import { useNavigate, useParams } from 'react-router';
import { put, remove } from '../api';
import { done, isMissing, useAct, useAttributes, usePopulations, useSyncedRules, useUser } from '../data';
import { useMay } from '../session';
import { nameOf, plural, shown } from '../text';
import type { User } from '../types';
import { ActivityList } from '../ui/activitylist';
import { Ago, Confirm, Facts, Failed, Loading, PageHead, Section, Status } from '../ui/parts';
import { SyncPanel } from '../ui/syncpanel';
import { UserForm, valueAt } from '../ui/userform';
import { UserGroups } from '../ui/usergroups';

const stale = [['users'], ['populations'], ['groups'], ['live'], ['activities']];

export default function UserPage() {
  const { id = '', tab = 'profile' } = useParams();
  const user = useUser(id);
  const navigate = useNavigate();
  if (isMissing(user)) return <Failed error={user.error} again={() => void user.refetch()} />;
  if (!user.data) return <Loading />;
  const u = user.data;
  return (
    <>
      <PageHead title={nameOf(u)} crumbs={[['Users', '/directory/users']]} badge={<Status label={u.enabled ? 'Enabled' : 'Disabled'} color={u.enabled ? 'teal' : 'gray'} />} actions={<Actions user={u} />}>
        {u.email}
      </PageHead>
      <Tabs value={tab} onChange={(t) => void navigate(`/directory/users/${id}${t === 'profile' ? '' : '/' + t}`, { replace: true })} keepMounted={false}>
        <Tabs.List mb="md"><Tabs.Tab value="profile">Profile</Tabs.Tab><Tabs.Tab value="groups">Groups</Tabs.Tab><Tabs.Tab value="sync">Sync Status</Tabs.Tab><Tabs.Tab value="activity">Timeline</Tabs.Tab></Tabs.List>
        <Tabs.Panel value="profile"><Profile user={u} /></Tabs.Panel>
        <Tabs.Panel value="groups"><UserGroups user={u} /></Tabs.Panel>
        <Tabs.Panel value="sync"><SyncPanel of="users" id={id} /></Tabs.Panel>
        <Tabs.Panel value="activity"><ActivityList filter={`resources.id eq "${id}"`} /></Tabs.Panel>
      </Tabs>
    </>
  );
}

function Actions({ user }: { user: User }) {
  const may = useMay();
  const navigate = useNavigate();
  const synced = useSyncedRules('users', user.id);
  const [editing, edits] = useDisclosure();
  const [deleting, deletes] = useDisclosure();
  const [disabling, disables] = useDisclosure();
  const accounts = synced.data?.filter((s) => s.account.remoteId && s.account.ownership !== 'FOREIGN') ?? [];
  const enable = useAct((enabled: boolean) => put(`/users/${user.id}/enabled`, { enabled }).then(() => disables.close()), stale, 'The user was not changed');
  const del = useAct(() => remove('/users/' + user.id).then(() => { done(`${nameOf(user)} was deleted.`); void navigate('/directory/users'); }), stale);
  if (!may.editDirectory) return null;
  const where = [...new Set(accounts.map((a) => a.targetStore.name))].join(', ');
  const effect = !synced.data ? (synced.error ? 'Which accounts on targets are concerned could not be loaded: the person may lose access there.' : 'Looking for accounts on targets…') : accounts.length > 0 ? `${nameOf(user)} has ${plural(accounts.length, 'account')} kept in step (${where}). ${accounts.length === 1 ? 'It' : 'They'} will be disabled there, where the connection allows it.` : 'No account on a target is concerned.';
  return (
    <>
      <Switch checked={user.enabled} label={user.enabled ? 'Enabled' : 'Disabled'} aria-label="User enabled" size="md" onChange={(e) => (e.currentTarget.checked ? enable.mutate(true) : disables.open())} disabled={enable.isPending} />
      <Button variant="default" leftSection={<IconPencil size={16} />} onClick={edits.open}>Edit</Button>
      <Menu position="bottom-end">
        <Menu.Target><ActionIcon variant="default" size="lg" aria-label="More actions"><IconDots size={18} /></ActionIcon></Menu.Target>
        <Menu.Dropdown><Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={deletes.open}>Delete</Menu.Item></Menu.Dropdown>
      </Menu>
      <UserForm opened={editing} onClose={edits.close} user={user} />
      <Confirm opened={disabling} onClose={disables.close} title={`Disable ${nameOf(user)}?`} action="Disable" onConfirm={() => enable.mutate(false)} loading={enable.isPending} error={enable.error} disabled={synced.isLoading}>{effect}</Confirm>
      <Confirm opened={deleting} onClose={deletes.close} title={`Delete ${nameOf(user)}?`} action="Delete user" onConfirm={() => del.mutate(undefined)} loading={del.isPending} error={del.error} disabled={synced.isLoading}>The person is removed from the directory and cannot be brought back. {effect}</Confirm>
    </>
  );
}

function Profile({ user }: { user: User }) {
  const attributes = useAttributes();
  const populations = usePopulations();
  const facts: [string, React.ReactNode][] = (attributes.data ?? [])
    .filter((a) => !['environment.id', 'population.id', 'population.name', 'enabled', 'createdAt', 'updatedAt', 'id'].includes(a.name))
    .map((a): [string, unknown] => [a.displayName || a.name, valueAt(user, a.name)])
    .filter(([, v]) => v !== undefined && v !== null && v !== '')
    .map(([n, v]) => [n, Array.isArray(v) ? v.join(', ') : shown(v)]);
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      <Section title="Attributes">{attributes.isLoading ? <Loading /> : <Facts of={facts} />}</Section>
      <Section title="In the directory">
        <Facts of={[
          ['Population', populations.data?.find((p) => p.id === user.population.id)?.name ?? '…'], ['Status', user.enabled ? 'Enabled' : 'Disabled'],
          ['Created', <Ago key="c" at={user.createdAt} />], ['Updated', <Ago key="u" at={user.updatedAt} />], ['ID', <Text key="i" size="xs" ff="monospace" className="wrap">{user.id}</Text>],
        ]} />
      </Section>
    </SimpleGrid>
  );
}
