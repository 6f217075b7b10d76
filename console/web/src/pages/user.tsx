import { ActionIcon, Button, Group, Menu, Modal, Paper, SimpleGrid, Stack, Switch, Tabs, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconDots, IconPencil, IconRefresh, IconTrash } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { get, post, put, remove, sentence } from '../api';
import { done, useAct, useAttributes, usePopulations, useUser } from '../data';
import { useMay } from '../session';
import { accountState, nameOf, ownerships, plural, shown } from '../text';
import type { Page, SyncedRule, Trace, User } from '../types';
import { ActivityList } from '../ui/activitylist';
import { Ago, Confirm, Empty, Facts, Failed, Loading, PageHead, Section, Status } from '../ui/parts';
import { UserForm, valueAt } from '../ui/userform';

const stale = [['users'], ['populations'], ['live'], ['activities']];

export default function UserPage() {
  const { id = '', tab = 'profile' } = useParams();
  const user = useUser(id);
  const navigate = useNavigate();
  if (user.error) return <Failed error={user.error} again={() => void user.refetch()} />;
  if (!user.data) return <Loading />;
  const u = user.data;
  return (
    <>
      <PageHead title={nameOf(u)} crumbs={[['Users', '/directory/users']]} badge={<Status label={u.enabled ? 'Enabled' : 'Disabled'} color={u.enabled ? 'teal' : 'gray'} />} actions={<Actions user={u} />}>
        {u.email}
      </PageHead>
      <Tabs value={tab} onChange={(t) => void navigate(`/directory/users/${id}${t === 'profile' ? '' : '/' + t}`, { replace: true })} keepMounted={false}>
        <Tabs.List mb="md"><Tabs.Tab value="profile">Profile</Tabs.Tab><Tabs.Tab value="sync">Sync Status</Tabs.Tab><Tabs.Tab value="activity">Timeline</Tabs.Tab></Tabs.List>
        <Tabs.Panel value="profile"><Profile user={u} /></Tabs.Panel>
        <Tabs.Panel value="sync"><Sync user={u} /></Tabs.Panel>
        <Tabs.Panel value="activity"><ActivityList filter={`resources.id eq "${id}"`} /></Tabs.Panel>
      </Tabs>
    </>
  );
}

const useSynced = (id: string) =>
  useQuery({ queryKey: ['live', 'syncedRules', id], queryFn: ({ signal }) => get<Page<'syncedRules', SyncedRule>>(`/users/${id}/syncedRules`, signal).then((p) => p._embedded.syncedRules) });

function Actions({ user }: { user: User }) {
  const may = useMay();
  const navigate = useNavigate();
  const synced = useSynced(user.id);
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

function Sync({ user }: { user: User }) {
  const may = useMay();
  const q = useSynced(user.id);
  const [trace, setTrace] = useState<{ rule: string; trace: Trace }>();
  const now = useAct(async (s: SyncedRule) => setTrace({ rule: s.rule.name, trace: await post<Trace>(`/users/${user.id}/syncedRules/${s.rule.id}`) }), [['live'], ['activities']], 'Provisioning did not work');
  if (q.error) return <Failed error={q.error} again={() => void q.refetch()} />;
  if (q.isLoading) return <Loading />;
  if (!q.data?.length) return <Paper><Empty title="No rule covers this person">A rule whose filter matches makes and keeps an account for them.</Empty></Paper>;
  return (
    <Stack>
      {q.data.map((s) => (
        <Section
          key={s.rule.id} title={s.rule.name}
          actions={<><Status of={accountState(s.status)} />{may.editAll && <Button size="xs" variant="default" leftSection={<IconRefresh size={14} />} loading={now.isPending && now.variables?.rule.id === s.rule.id} onClick={() => now.mutate(s)}>Provision now</Button>}</>}
        >
          <Stack gap="md">
            {s.account.error && <Text size="sm" className="wrap" c="var(--mantine-color-error)">{sentence(s.account.error.message)} {s.account.error.hint && <Text span inherit c="dimmed">What to do: {sentence(s.account.error.hint)}</Text>}</Text>}
            <Facts of={[
              ['Target', <Link key="t" to={`/integrations/provisioning/connections/${s.targetStore.id}`}>{s.targetStore.name}</Link>],
              ['Rule', <Link key="r" to={`/integrations/provisioning/rules/${s.rule.id}`}>{s.rule.name}</Link>],
              ['Account', s.account.remoteId ? <Text key="a" size="sm" ff="monospace">{s.account.remoteId}{s.account.remote ? (s.account.remote.active ? ' · active' : ' · inactive') : ''}</Text> : 'none'],
              ['Ownership', s.account.ownership ? ownerships[s.account.ownership].label : '—'],
              ['Details', s.details ? sentence(s.details) : accountState(s.status)?.help], ['Last sync', <Ago key="l" at={s.lastSyncAt} />],
              ...(s.account.nextTryAt ? [['Next try', <Ago key="n" at={s.account.nextTryAt} />] as [string, React.ReactNode]] : []),
            ]} />
          </Stack>
        </Section>
      ))}
      <Modal opened={trace !== undefined} onClose={() => setTrace(undefined)} title={<Text fw={650}>Provisioned with {trace?.rule}</Text>} size="lg">
        <Stack gap="sm">
          {trace?.trace.steps.map((s) => (
            <Group key={s.name} wrap="nowrap" align="flex-start" gap="sm">
              <Status label={s.status === 'OK' ? 'Done' : s.status === 'FAILED' ? 'Failed' : 'Skipped'} color={s.status === 'OK' ? 'teal' : s.status === 'FAILED' ? 'red' : 'gray'} />
              <div><Text size="sm" fw={600} tt="capitalize">{s.name}</Text><Text size="sm" className="wrap">{sentence(s.detail)}</Text></div>
            </Group>
          ))}
          <Group justify="flex-end"><Button variant="default" onClick={() => setTrace(undefined)}>Close</Button></Group>
        </Stack>
      </Modal>
    </Stack>
  );
}
