import { ActionIcon, Alert, Anchor, Button, Checkbox, Group, Modal, PasswordInput, Select, Stack, Tabs, Text, TextInput } from '@mantine/core';
import { IconKey, IconPencil, IconPlus, IconTrash } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { ApiError, get, post, put, remove } from '../api';
import { useAct } from '../data';
import { useMay, useSession } from '../session';
import { environmentTexts } from '../text';
import type { Administrator, Client, CreatedClient, Page, Role } from '../types';
import { AlertSettingsTab } from './alertsettings';
import { Environments } from './environments';
import { Ago, Confirm, CopyText, Empty, Facts, Failed, List, PageHead, Section, Status } from '../ui/parts';

const roles: { value: Role; label: string }[] = [
  { value: 'Environment Admin', label: 'Environment Admin' }, { value: 'Identity Data Admin', label: 'Identity Data Admin' }, { value: 'Read Only', label: 'Read Only' },
];
const roleHelp: Record<Role, string> = {
  'Environment Admin': 'Everything in the environment.', 'Identity Data Admin': "Users, populations and attributes; reads provisioning's configuration.", 'Read Only': 'Sees everything but clients and administrators, changes nothing.',
};

export default function Settings() {
  const { tab = 'environment' } = useParams();
  const navigate = useNavigate();
  const may = useMay();
  return (
    <>
      <PageHead title="Settings" />
      <Tabs value={tab} onChange={(t) => void navigate('/settings/' + t, { replace: true })} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="environment">This environment</Tabs.Tab>
          <Tabs.Tab value="environments">Environments</Tabs.Tab>
          {may.editAll && <Tabs.Tab value="administrators">Administrators</Tabs.Tab>}
          {may.editAll && <Tabs.Tab value="clients">API clients</Tabs.Tab>}
          {may.editAll && <Tabs.Tab value="alerts">Alerts</Tabs.Tab>}
          <Tabs.Tab value="about">About</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="environment"><Environment /></Tabs.Panel>
        <Tabs.Panel value="environments"><Environments /></Tabs.Panel>
        <Tabs.Panel value="administrators">{may.editAll && <Administrators />}</Tabs.Panel>
        <Tabs.Panel value="clients">{may.editAll && <Clients />}</Tabs.Panel>
        <Tabs.Panel value="alerts">{may.editAll && <AlertSettingsTab />}</Tabs.Panel>
        <Tabs.Panel value="about"><About /></Tabs.Panel>
      </Tabs>
    </>
  );
}

function Environment() {
  const { session } = useSession();
  return (
    <Section title="This environment">
      <Facts of={[['Name', session.environment?.name], ['Environment id', <CopyText key="e" text={session.environment?.id ?? ''} label="the environment id" />], ['API', <CopyText key="a" text={session.apiUrl ?? ''} label="the address of the API" />], ['Token endpoint', <CopyText key="t" text={(session.apiUrl ?? '').replace('/v1/environments', '') + '/as/token'} label="the token endpoint" />]]} />
    </Section>
  );
}

function About() {
  const { session } = useSession();
  return (
    <Section title="About Lockstep">
      <Stack>
        <Facts of={[['Version', session.version], ['Licence', 'Apache-2.0'], ['API description', <Anchor key="o" href="/v1/openapi.json" size="sm">/v1/openapi.json</Anchor>]]} />
        <Text size="sm" c="dimmed">Whatever this console does, a script can do: it uses the public REST API for everything.</Text>
      </Stack>
    </Section>
  );
}

function Administrators() {
  const { session } = useSession();
  const q = useQuery({ queryKey: ['administrators'], queryFn: ({ signal }) => get<Page<'administrators', Administrator>>('/administrators', signal).then((p) => p._embedded.administrators) });
  const [editing, setEditing] = useState<Partial<Administrator>>();
  const [deleting, setDeleting] = useState<Administrator>();
  const isGuest = (a: Administrator) => a.environment.id !== session.environment?.id;
  const del = useAct((a: Administrator) => remove('/administrators/' + a.id).then(() => setDeleting(undefined)), [['administrators'], ['activities']]);
  return (
    <>
      <Group justify="flex-end" mb="md"><Button leftSection={<IconPlus size={16} />} onClick={() => setEditing({})}>Add administrator</Button></Group>
      <List<Administrator>
        label="Administrators" rows={q.data ?? []} rowKey={(a) => a.id} loading={q.isLoading} error={q.error} again={() => void q.refetch()} empty={<Empty title="No administrator" />}
        columns={[
          { label: 'Name', cell: (a) => <><Text size="sm" fw={550}>{a.name || a.username}{a.id === session.administrator?.id && <Text span size="xs" c="dimmed"> (you)</Text>}</Text><Text size="xs" c="dimmed">{a.username}{isGuest(a) && ' · ' + environmentTexts.guest}</Text><Text size="xs" hiddenFrom="sm">{a.role}</Text></> },
          { label: 'Role', wide: true, cell: (a) => <Status label={a.role} dot={false} help={roleHelp[a.role]} color={a.role === 'Environment Admin' ? 'lagoon' : 'gray'} /> },
          { label: 'Last sign-on', wide: true, cell: (a) => <Text size="sm"><Ago at={a.lastSignOnAt} /></Text> },
          { label: 'Edit', width: 90, cell: (a) => <Group gap={2} wrap="nowrap"><ActionIcon variant="subtle" color="gray" aria-label={`Edit ${a.username}`} onClick={() => setEditing(a)}><IconPencil size={16} /></ActionIcon><ActionIcon variant="subtle" color="gray" aria-label={`Delete ${a.username}`} disabled={a.id === session.administrator?.id} onClick={() => { del.reset(); setDeleting(a); }}><IconTrash size={16} /></ActionIcon></Group> },
        ]}
      />
      {editing && <EditAdministrator administrator={editing} onClose={() => setEditing(undefined)} />}
      <Confirm opened={deleting !== undefined} onClose={() => setDeleting(undefined)} title={deleting && isGuest(deleting) ? `Take the role of ${deleting.username} away?` : `Delete ${deleting?.username}?`} action={deleting && isGuest(deleting) ? 'Take the role away' : 'Delete administrator'} onConfirm={() => deleting && del.mutate(deleting)} loading={del.isPending} error={del.error}>{deleting && isGuest(deleting) ? environmentTexts.guestDelete : 'They are signed out and cannot sign in any more. What they did stays in the log.'}</Confirm>
    </>
  );
}

function EditAdministrator({ administrator: a, onClose }: { administrator: Partial<Administrator>; onClose: () => void }) {
  const { session } = useSession();
  const [v, setV] = useState({ username: a.username ?? '', name: a.name ?? '', role: a.role ?? ('Read Only' as Role), password: '' });
  const [existing, setExisting] = useState(false);
  const guest = existing || (a.environment !== undefined && a.environment.id !== session.environment?.id);
  const save = useAct(async () => {
    if (a.id && guest) await put('/administrators/' + a.id, { role: v.role });
    else if (guest) await post('/administrators', { username: v.username, role: v.role, existing });
    else if (a.id) await put('/administrators/' + a.id, { name: v.name, role: v.role, ...(v.password ? { password: v.password } : {}) });
    else await post('/administrators', v);
    onClose();
  }, [['administrators'], ['session'], ['activities']]);
  const error = save.error instanceof ApiError ? save.error : undefined;
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>{a.id ? `Edit ${a.username}` : 'Add administrator'}</Text>}>
      <form onSubmit={(e) => { e.preventDefault(); save.mutate(undefined); }}>
        <Stack>
          {!a.id && <TextInput label="Username" required autoComplete="off" value={v.username} onChange={(e) => setV({ ...v, username: e.currentTarget.value })} error={error?.at('username')} data-autofocus />}
          {!a.id && (session.environments?.length ?? 0) > 1 && <Checkbox label={environmentTexts.existing} description={environmentTexts.existingHelp} checked={existing} onChange={(e) => { setExisting(e.currentTarget.checked); save.reset(); }} />}
          {a.id && guest && <Text size="sm" c="dimmed">{environmentTexts.guestHelp}</Text>}
          {!guest && <TextInput label="Name" value={v.name} onChange={(e) => setV({ ...v, name: e.currentTarget.value })} error={error?.at('name')} />}
          <Select label="Role" data={roles} value={v.role} allowDeselect={false} description={roleHelp[v.role]} onChange={(r) => setV({ ...v, role: (r ?? 'Read Only') as Role })} error={error?.at('role')} />
          {!guest && <PasswordInput label={a.id ? 'New password' : 'Password'} description={a.id ? 'Leave it empty to keep the current one. A new one ends their sessions.' : 'At least 8 characters. They can change it under Profile.'} required={!a.id} autoComplete="new-password" value={v.password} onChange={(e) => setV({ ...v, password: e.currentTarget.value })} error={error?.at('password')} visibilityToggleButtonProps={{ 'aria-label': 'Show the password' }} />}
          {save.error && !error?.at('username', 'name', 'role', 'password') && <Failed error={save.error} title="It was not saved" />}
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={save.isPending}>Save</Button></Group>
        </Stack>
      </form>
    </Modal>
  );
}

function Clients() {
  const q = useQuery({ queryKey: ['clients'], queryFn: ({ signal }) => get<Page<'clients', Client>>('/clients', signal).then((p) => p._embedded.clients) });
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<CreatedClient>();
  const [deleting, setDeleting] = useState<Client>();
  const { session } = useSession();
  const isGuest = (c: Client) => c.environment.id !== session.environment?.id;
  const del = useAct((c: Client) => remove('/clients/' + c.id).then(() => setDeleting(undefined)), [['clients']]);
  return (
    <>
      <Group justify="space-between" mb="md" gap="sm"><Text size="sm" c="dimmed">Programs that use the API, with OAuth 2 client credentials.</Text><Button leftSection={<IconPlus size={16} />} onClick={() => setAdding(true)}>Add API client</Button></Group>
      <List<Client>
        label="API clients" rows={q.data ?? []} rowKey={(c) => c.id} loading={q.isLoading} error={q.error} again={() => void q.refetch()} empty={<Empty icon={<IconKey size={40} stroke={1.3} />} title="No API client yet">A client has an id and a secret, with which a script gets a token.</Empty>}
        columns={[
          { label: 'Name', cell: (c) => <><Text size="sm" fw={550}>{c.name}{isGuest(c) && <Text span size="xs" c="dimmed"> · {environmentTexts.guest}</Text>}</Text><Text size="xs" c="dimmed" ff="monospace" className="wrap">{c.id}</Text><Text size="xs" hiddenFrom="sm">{c.role}</Text></> },
          { label: 'Role', wide: true, cell: (c) => <Status label={c.role} dot={false} color={c.role === 'Environment Admin' ? 'lagoon' : 'gray'} help={roleHelp[c.role]} /> },
          { label: 'Created', wide: true, cell: (c) => <Text size="sm"><Ago at={c.createdAt} /></Text> },
          { label: 'Edit', width: 70, cell: (c) => <ActionIcon variant="subtle" color="gray" aria-label={`Delete ${c.name}`} onClick={() => { del.reset(); setDeleting(c); }}><IconTrash size={16} /></ActionIcon> },
        ]}
      />
      {adding && <AddClient onClose={() => setAdding(false)} onMade={(c) => { setAdding(false); setMade(c); }} />}
      <Modal opened={made !== undefined} onClose={() => setMade(undefined)} title={<Text fw={650}>{made?.name}</Text>} size="lg">
        <Stack>
          <Alert color="orange" title="Copy the secret now">It is not shown again.</Alert>
          <Facts of={[['Client id', <CopyText key="i" text={made?.id ?? ''} label="the client id" />], ['Client secret', <CopyText key="s" text={made?.clientSecret ?? ''} label="the client secret" />]]} />
          <Group justify="flex-end"><Button onClick={() => setMade(undefined)}>I have copied it</Button></Group>
        </Stack>
      </Modal>
      <Confirm opened={deleting !== undefined} onClose={() => setDeleting(undefined)} title={deleting && isGuest(deleting) ? `Take the role of ${deleting.name} away?` : `Delete ${deleting?.name}?`} action={deleting && isGuest(deleting) ? 'Take the role away' : 'Delete client'} onConfirm={() => deleting && del.mutate(deleting)} loading={del.isPending} error={del.error}>{deleting && isGuest(deleting) ? environmentTexts.guestClientDelete : 'Programs that use it cannot reach the API any more, within seconds.'}</Confirm>
    </>
  );
}

function AddClient({ onClose, onMade }: { onClose: () => void; onMade: (c: CreatedClient) => void }) {
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('Environment Admin');
  const save = useAct(() => post<CreatedClient>('/clients', { name, role }).then(onMade), [['clients']]);
  const error = save.error instanceof ApiError ? save.error : undefined;
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>Add API client</Text>}>
      <form onSubmit={(e) => { e.preventDefault(); save.mutate(undefined); }}>
        <Stack>
          <TextInput label="Name" required value={name} onChange={(e) => setName(e.currentTarget.value)} error={error?.at('name')} data-autofocus />
          <Select label="Role" data={roles} value={role} allowDeselect={false} description={roleHelp[role]} onChange={(r) => setRole((r ?? 'Read Only') as Role)} />
          {save.error && !error?.at('name') && <Failed error={save.error} title="It was not created" />}
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={save.isPending}>Create</Button></Group>
        </Stack>
      </form>
    </Modal>
  );
}
