import { ActionIcon, Alert, Anchor, Badge, Box, Button, Group, Menu, Modal, Progress, Select, SimpleGrid, Stack, Switch, Tabs, Text, Tooltip } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconAlertTriangle, IconDots, IconLinkOff, IconPencil, IconPlayerPause, IconPlayerPlay, IconPlugConnected, IconTrash } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { ApiError, post, put, remove, sentence } from '../api';
import { done, fail, isMissing, publish, storeBody, useAct, useMetadata, usePages, useRules, useStore, useStoreStatus } from '../data';
import { useMay } from '../session';
import { accountState, accountStates, managedHelp, managedLabel, number, ownerships, plural, shown } from '../text';
import type { Account, Candidate, Store, StoreStatus, TestResult } from '../types';
import { ActivityList } from '../ui/activitylist';
import { Checks } from '../ui/checks';
import { GetToken, TokenFacts } from '../ui/gettoken';
import { Ago, Confirm, Empty, Facts, Failed, GroupBadge, List, Loading, PageHead, Search, Section, Status } from '../ui/parts';
import { Rename } from '../ui/rename';
import { labelOf, Preferences, SettingField, type Values, sectionOf } from '../ui/settings';
import { StoreIcon } from '../ui/storeicon';
import { PublishablePreview } from '../rule/publishpreview';
import { KeptForeign, LinkAccount, useKeptForeign, useWhose } from '../ui/whose';
import { Tripwire } from '../ui/tripwire';
import { DriftList } from './drift';
import { RuleState, StoreState } from './provisioning';

const root = '/integrations/provisioning';

export default function ConnectionPage() {
  const { id = '', tab = 'overview' } = useParams();
  const store = useStore(id);
  const navigate = useNavigate();
  if (isMissing(store)) return <Failed error={store.error} again={() => void store.refetch()} />;
  if (!store.data) return <Loading />;
  const s = store.data;
  return (
    <>
      <PageHead
        title={s.name} crumbs={[['Provisioning', root + '/connections'], ['Connections', root + '/connections']]}
        badge={<StoreState store={s} />} actions={<Actions store={s} />}
      >
        {s.description}
      </PageHead>
      <Tabs value={tab} onChange={(t) => void navigate(`${root}/connections/${id}${t === 'overview' ? '' : '/' + t}`, { replace: true })} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="overview">Overview</Tabs.Tab>
          <Tabs.Tab value="configuration">Configuration</Tabs.Tab>
          <Tabs.Tab value="accounts">Accounts</Tabs.Tab>
          {s.type !== 'directory' && <Tabs.Tab value="preview">Preview</Tabs.Tab>}
          {s.type !== 'directory' && <Tabs.Tab value="drift" rightSection={<OpenDrift id={id} />}>Drift</Tabs.Tab>}
          <Tabs.Tab value="activity">Activity</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="overview"><Overview store={s} /></Tabs.Panel>
        <Tabs.Panel value="configuration"><Configuration key={s.updatedAt} store={s} /></Tabs.Panel>
        <Tabs.Panel value="accounts"><Accounts store={s} /></Tabs.Panel>
        <Tabs.Panel value="preview"><PublishablePreview of={{ store: id }} running={s.status === 'ACTIVE'} /></Tabs.Panel>
        <Tabs.Panel value="drift"><DriftList store={s} /></Tabs.Panel>
        <Tabs.Panel value="activity"><ActivityList filter={`store.id eq "${id}"`} /></Tabs.Panel>
      </Tabs>
    </>
  );
}

function OpenDrift({ id }: { id: string }) {
  const open = useStoreStatus(id).data?.drift.open ?? 0;
  return open > 0 ? <Badge size="sm" color="orange" variant="light" miw="max-content">{open > 99 ? '99+' : open}</Badge> : null;
}

const staleStores = [['stores'], ['live'], ['activities']];

function Actions({ store }: { store: Store }) {
  const may = useMay();
  const navigate = useNavigate();
  const status = useStoreStatus(store.id);
  const rules = useRules();
  const [failed, setFailed] = useState<TestResult>();
  const [deleting, deletes] = useDisclosure();
  const [stopping, stops] = useDisclosure();
  const setStatus = (value: 'ACTIVE' | 'INACTIVE') => put('/propagation/stores/' + store.id, { ...storeBody(store), status: value }).then(() => publish());
  // Switching on is only possible with a connection that tests valid at this moment.
  const switchOn = useAct(async () => {
    const result = await post<TestResult>(`/propagation/stores/${store.id}/connection/status`);
    if (result.status !== 'OK') return setFailed(result);
    await setStatus('ACTIVE');
    done('The connection is on.');
  }, staleStores, 'The connection was not switched on');
  const switchOff = useAct(() => setStatus('INACTIVE'), staleStores, 'The connection was not switched off');
  const pause = useAct((p: boolean) => post(`/propagation/stores/${store.id}/${p ? 'pause' : 'resume'}`), staleStores, 'That did not work');
  const test = useAct(async () => {
    const result = await post<TestResult>(`/propagation/stores/${store.id}/connection/status`);
    setFailed(result);
  }, [['live']], 'The connection could not be tested');
  const del = useAct(async () => {
    await remove('/propagation/stores/' + store.id);
    await publish();
    done('The connection was deleted.');
    void navigate(root + '/connections');
  }, [['stores']], undefined);
  const using = rules.data?.filter((r) => r.targetStore.id === store.id) ?? [];
  if (!may.editAll) return null;
  return (
    <>
      <Switch
        checked={store.status === 'ACTIVE'} label={store.status === 'ACTIVE' ? 'On' : 'Off'} aria-label="Connection switched on" size="md" disabled={switchOn.isPending || switchOff.isPending}
        onChange={(e) => (e.currentTarget.checked ? switchOn.mutate(undefined) : using.some((r) => r.active) ? stops.open() : switchOff.mutate(undefined))}
      />
      <Button variant="default" leftSection={<IconPlugConnected size={16} />} onClick={() => test.mutate(undefined)} loading={test.isPending}>Test connection</Button>
      <Menu position="bottom-end">
        <Menu.Target><ActionIcon variant="default" size="lg" aria-label="More actions"><IconDots size={18} /></ActionIcon></Menu.Target>
        <Menu.Dropdown>
          {status.data?.paused ? (
            <Menu.Item leftSection={<IconPlayerPlay size={16} />} onClick={() => pause.mutate(false)}>Resume</Menu.Item>
          ) : (
            <Menu.Item leftSection={<IconPlayerPause size={16} />} onClick={() => pause.mutate(true)}>Pause</Menu.Item>
          )}
          <Menu.Divider />
          <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={deletes.open}>Delete</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Confirm opened={deleting} onClose={deletes.close} title={`Delete ${store.name}?`} action="Delete connection" onConfirm={() => del.mutate(undefined)} loading={del.isPending} error={del.error} disabled={using.length > 0}>
        {using.length > 0
          ? `${plural(using.length, 'rule uses', 'rules use')} this connection: ${using.map((r) => r.name).join(', ')}. Delete ${using.length === 1 ? 'it' : 'them'} first.`
          : 'Its token and settings are deleted. No account on the target is touched.'}
      </Confirm>
      <Confirm opened={stopping} onClose={stops.close} title={`Switch ${store.name} off?`} action="Switch off" color="orange" onConfirm={() => { stops.close(); switchOff.mutate(undefined); }}>
        {plural(using.filter((r) => r.active).length, 'rule stops', 'rules stop')}: {using.filter((r) => r.active).map((r) => r.name).join(', ')}. Nobody is deprovisioned; what changes meanwhile is written when the connection is on again.
      </Confirm>
      <Modal opened={failed !== undefined} onClose={() => setFailed(undefined)} title={<Text fw={650}>{failed?.status === 'OK' ? 'Connection Successful' : 'Test Connection Failed'}</Text>} size="lg">
        <Stack>
          {failed && <Checks checks={failed.checks} />}
          {failed?.status === 'OK' && <Group justify="flex-end"><Button variant="default" onClick={() => setFailed(undefined)} data-autofocus>Close</Button></Group>}
          {failed?.status === 'FAILED' && <><Text size="sm" c="dimmed">The connection cannot be used for provisioning until it tests valid. Correct it under Configuration, then test again.</Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setFailed(undefined)}>Close</Button>
            <Button component={Link} to={`${root}/connections/${store.id}/configuration`} onClick={() => setFailed(undefined)}>Go to the configuration</Button>
          </Group></>}
        </Stack>
      </Modal>
    </>
  );
}

function Overview({ store }: { store: Store }) {
  const status = useStoreStatus(store.id);
  const rules = useRules();
  const may = useMay();
  const [editing, edits] = useDisclosure();
  const using = rules.data?.filter((r) => r.targetStore.id === store.id) ?? [];
  const s = status.data;
  return (
    <Stack>
      {s?.tripwire && <Tripwire store={store} trip={s.tripwire} />}
      {s?.halt && (
        <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title="The connection is halted: nothing is written" role="alert">
          <Text size="sm">{sentence(s.halt.message)} {s.halt.hint && sentence(s.halt.hint)}</Text>
          {s.halt.probeAt && <Text size="sm" mt={4}>It is tried again by itself, next <Ago at={s.halt.probeAt} />. A replaced token is tried at once.</Text>}
        </Alert>
      )}
      {s?.token?.problem && (
        <Alert color={s.token.problem.nextAt ? 'orange' : 'red'} icon={<IconAlertTriangle aria-hidden />} title="The token could not be refreshed" role="alert">
          <Text size="sm">{sentence(s.token.problem.message)} {s.token.problem.hint && sentence(s.token.problem.hint)}</Text>
          <Text size="sm" mt={4}>{s.token.expiresAt && <>The token works until <Ago at={s.token.expiresAt} />. </>}{s.token.problem.nextAt ? <>It is tried again by itself, next <Ago at={s.token.problem.nextAt} />.</> : 'It is not tried again by itself.'}</Text>
          {may.editAll && !s.token.problem.nextAt && <Group mt="sm"><GetToken store={store.id} token={s.token} draft={{ path: `${root}/connections/${store.id}` }} /></Group>}
        </Alert>
      )}
      {s?.paused && <Alert color="yellow" title="The connection is paused">Nothing is written. What changes is kept and goes on when the connection is resumed.</Alert>}
      {s?.test?.status === 'FAILED' && !s.halt && (
        <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title="The last test failed">
          <Text size="sm" mb="sm">The connection cannot be used for provisioning until it tests valid.</Text>
          <Checks checks={s.test.checks} />
        </Alert>
      )}
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Section title="Connection" actions={may.editAll && <ActionIcon variant="subtle" color="gray" aria-label="Edit name and description" onClick={edits.open}><IconPencil size={17} /></ActionIcon>}>
          <Facts
            of={[
              ['Type', <Group gap={8} key="t"><StoreIcon type={store.type} size={24} />{store.type}</Group>],
              ['Description', store.description || '—'],
              ...(s?.token ? [['Token', <TokenFacts key="k" token={s.token} />] as [string, React.ReactNode]] : []),
              ...(s?.token?.expiresAt ? [['Token expires', <Group gap={8} key="e"><Ago at={s.token.expiresAt} />{s.token.refreshed && s.token.refreshAt && <Text span size="sm" c="dimmed">refreshed <Ago at={s.token.refreshAt} /></Text>}</Group>] as [string, React.ReactNode]] : []),
              ['Last test', s?.test ? <Group gap={8} key="l"><Status label={s.test.status === 'OK' ? 'Valid' : 'Invalid'} color={s.test.status === 'OK' ? 'teal' : 'red'} /><Ago at={s.test.at} /></Group> : 'not tested with these credentials'],
              ['Last sync', <Ago key="a" at={s?.lastSyncAt} />],
              ['Created', <Ago key="c" at={store.createdAt} />],
            ]}
          />
        </Section>
        <Section title="Rules using it">
          {using.length === 0 && <Text size="sm" c="dimmed">No rule uses this connection yet. {may.editAll && <Anchor component={Link} to={`${root}/rules/new?target=${store.id}`} size="sm">New rule</Anchor>}</Text>}
          <Stack gap="xs">
            {using.map((r) => (
              <Group key={r.id} justify="space-between" wrap="nowrap">
                <Anchor component={Link} to={`${root}/rules/${r.id}`} size="sm" className="truncate">{r.name}</Anchor>
                <RuleState id={r.id} />
              </Group>
            ))}
          </Stack>
        </Section>
      </SimpleGrid>
      {s && s.budgets.length > 0 && <Budgets status={s} />}
      <Rename of={store} save={(edited) => put('/propagation/stores/' + store.id, { ...storeBody(store), ...edited })} stale={staleStores} opened={editing} onClose={edits.close} />
    </Stack>
  );
}

const budgetNames: Record<string, string> = {
  write: 'All writes', read: 'All reads', 'GET /Users/{id}': 'Read one member', 'POST /Users': 'Create a member', 'PATCH /Users/{id}': 'Change a member',
  'GET /Groups/{id}': 'Read one group', 'POST /Groups': 'Create a group', 'PATCH /Groups/{id}': 'Change a group', 'DELETE /Groups/{id}': 'Delete a group',
};

function Budgets({ status }: { status: StoreStatus }) {
  const shownOnes = status.budgets.filter((b) => b.name !== 'DELETE /Users/{id}') /* nothing deletes a member */;
  return (
    <Section title="Rate budget">
      <Text size="sm" c="dimmed" mb="md">
        How much of the target's own limits may be used, and how much of it is spent at this moment. {status.ratePerMinute > 0 && `Lately ${number(Math.round(status.ratePerMinute))} writes a minute.`}
      </Text>
      <SimpleGrid cols={{ base: 1, sm: 2, md: 3 }} spacing="lg">
        {shownOnes.map((b) => {
          const used = b.perMinute === 0 ? 0 : Math.round(100 * (1 - b.available / b.burst));
          const label = budgetNames[b.name] ?? b.name;
          return (
            <div key={b.name}>
              <Group justify="space-between" gap="xs"><Text size="sm" fw={500}>{label}</Text><Text size="xs" c="dimmed" className="numbers">{b.perMinute === 0 ? 'not paced' : `${number(Math.round(b.perMinute))} a minute`}</Text></Group>
              <Progress value={used} mt={6} color={used > 85 ? 'orange' : 'lagoon'} aria-label={`${label}: ${used} % used`} />
              <Text size="xs" c="dimmed" mt={2} className="numbers">{used} % used</Text>
            </div>
          );
        })}
      </SimpleGrid>
    </Section>
  );
}

/** Everything but the name: authentication, preferences and actions. */
function Configuration({ store }: { store: Store }) {
  const may = useMay();
  const metadata = useMetadata(store.type);
  const status = useStoreStatus(store.id);
  const [editing, setEditing] = useState(false);
  if (metadata.isLoading) return <Loading />;
  const fields = metadata.data?.connectionProfiles[0].connectionAttributes ?? [];
  if (editing) return <EditConfiguration store={store} onDone={() => setEditing(false)} />;
  const value = (f: (typeof fields)[number]) => {
    if (f.type === 'SECRET') return <span aria-label="A value is saved">••••••••••••</span>;
    const v = store.configuration[f.name] ?? f.defaultValue;
    return f.type === 'BOOLEAN' ? (v ? 'Yes' : 'No') : shown(v);
  };
  const edit = may.editAll && <Button variant="default" size="xs" leftSection={<IconPencil size={14} />} onClick={() => setEditing(true)}>Edit</Button>;
  const token = may.editAll && store.type === 'Slack' && <GetToken size="xs" store={store.id} token={status.data?.token} draft={{ path: `${root}/connections/${store.id}` }} />;
  return (
    <Stack>
      <Section title="Authentication" actions={<>{token}{edit}</>}><Facts of={fields.filter((f) => sectionOf(f) === 'AUTHENTICATION').map((f) => [labelOf(f), value(f)])} /></Section>
      <Section title="Preferences and Actions" actions={edit}>
        <Facts of={[...fields.filter((f) => sectionOf(f) !== 'AUTHENTICATION').map((f): [string, React.ReactNode] => [labelOf(f), value(f)]), [managedLabel, <Tooltip key="m" label={managedHelp} multiline maw={300}><span>{store.managed ? 'Yes' : 'No'}</span></Tooltip>]]} />
      </Section>
    </Stack>
  );
}

function EditConfiguration({ store, onDone }: { store: Store; onDone: () => void }) {
  const fields = useMetadata(store.type).data?.connectionProfiles[0].connectionAttributes ?? [];
  const client = useQueryClient();
  const [values, setValues] = useState<Values>(store.configuration);
  const [managed, setManaged] = useState(store.managed);
  const [failed, setFailed] = useState<TestResult>();
  const [otherWorkspace, setOtherWorkspace] = useState(false);
  const status = useStoreStatus(store.id);
  const set = (key: string, v: unknown) => setValues((old) => ({ ...old, [key]: v }));
  const body = () => ({ ...storeBody(store), managed, ...(otherWorkspace ? { confirmWorkspace: true } : {}), configuration: Object.fromEntries(Object.entries(values).filter(([, v]) => v !== '' && v !== null)) });
  const credentials = fields.filter((f) => sectionOf(f) === 'AUTHENTICATION').some((f) => (values[f.name] ?? '') !== (store.configuration[f.name] ?? ''));
  const write = async () => {
    await put('/propagation/stores/' + store.id, body());
    if (credentials) await post(`/propagation/stores/${store.id}/connection/status`).catch(() => undefined);
    if (store.status === 'ACTIVE') await publish();
    onDone();
    done('The configuration is saved.');
    await Promise.all(staleStores.map((queryKey) => client.invalidateQueries({ queryKey })));
  };
  const save = useMutation({
    mutationFn: async (unchecked: boolean) => {
      if (credentials && !unchecked) {
        const result = await post<TestResult>(`/propagation/stores/${store.id}/connection/status`, { ...body() });
        if (result.status !== 'OK') return setFailed(result);
      }
      setFailed(undefined);
      await write();
    },
    onError: (e) => { if (!(e instanceof ApiError && e.details.length)) fail('The configuration was not saved', e); },
  });
  const error = save.error instanceof ApiError ? save.error : undefined;
  const wrongWorkspace = error?.details.some((d) => d.code === 'CONSTRAINT_VIOLATION' && d.target.startsWith('configuration.')) || failed?.checks.some((c) => c.name === 'Workspace' && c.status === 'FAILED');
  return (
    <form onSubmit={(e) => { e.preventDefault(); save.mutate(false); }}>
      <Stack maw={820}>
        <Section title="Configure authentication">
          <Stack>
            {fields.filter((f) => sectionOf(f) === 'AUTHENTICATION').map((f) => (
              <SettingField key={f.name} field={f} value={values[f.name]} onChange={(v) => set(f.name, v)} saved={f.type === 'SECRET'} error={error?.at('configuration.' + f.name)} />
            ))}
            {store.type === 'Slack' && <Group gap="sm"><GetToken store={store.id} token={status.data?.token} draft={{ path: `${root}/connections/${store.id}` }} /><Text size="sm" c="dimmed" flex="1 1 240px">What is edited here and not saved is lost.</Text></Group>}
            {(otherWorkspace || wrongWorkspace) && (
              <Switch color="red" checked={otherWorkspace} onChange={(e) => setOtherWorkspace(e.currentTarget.checked)} label="This connection provisions another workspace from now on" description="Everybody in its rules is created again there." />
            )}
          </Stack>
        </Section>
        <Section title="Configure Preferences and Actions"><Preferences fields={fields} values={values} onChange={set} managed={managed} onManaged={setManaged} error={error} /></Section>
        <Text size="sm" c="dimmed">Changes of authentication and preferences start a full resync of the rules that use this connection. Changes of actions do not.</Text>
        <Group justify="flex-end"><Button variant="default" onClick={onDone}>Cancel</Button><Button type="submit" loading={save.isPending}>Save</Button></Group>
      </Stack>
      <Modal opened={failed !== undefined} onClose={() => setFailed(undefined)} title={<Text fw={650}>Test Connection Failed</Text>} size="lg">
        <Stack>
          {failed && <Checks checks={failed.checks} />}
          <Text size="sm" c="dimmed">Cancel goes back so that you can correct it. Continue saves an invalid connection: {store.status === 'ACTIVE' ? 'its rules stop writing' : 'it cannot be used for provisioning'} until it tests valid.</Text>
          <Group justify="flex-end"><Button variant="default" onClick={() => setFailed(undefined)} data-autofocus>Cancel</Button><Button color="orange" onClick={() => save.mutate(true)} loading={save.isPending}>Continue</Button></Group>
        </Stack>
      </Modal>
    </form>
  );
}

const accountName = (a: Account) => String(a.remote?.attributes?.primaryEmail ?? a.remote?.attributes?.userName ?? a.remote?.attributes?.displayName ?? (a.remoteId || '—'));

/** The link table. */
function Accounts({ store }: { store: Store }) {
  const may = useMay();
  const [name, setName] = useState('');
  const [ownership, setOwnership] = useState<string | null>(null);
  const [status, setStatus] = useState<string | null>(null);
  const [unlinking, setUnlinking] = useState<Account>();
  const [linking, setLinking] = useState<Candidate>();
  const kept = useKeptForeign(store.id);
  const { keep, release } = useWhose(store.id);
  const q = usePages<'accounts', Account>(['live', 'accounts', store.id], `/propagation/stores/${store.id}/accounts`, 'accounts', { name, ownership: ownership ?? '', status: status ?? '', limit: 50 });
  const unlink = useAct((a: Account) => remove(`/propagation/stores/${store.id}/accounts/${a.id}`).then(() => setUnlinking(undefined)), [['live']]);
  return (
    <>
      <Group mb="md" gap="sm">
        <Search value={name} onChange={setName} label="Search accounts by name" />
        <Select aria-label="Ownership" placeholder="Any ownership" clearable data={Object.entries(ownerships).map(([value, o]) => ({ value, label: o.label }))} value={ownership} onChange={setOwnership} w={170} />
        <Select aria-label="Status" placeholder="Any status" clearable data={Object.entries(accountStates).map(([value, o]) => ({ value, label: o.label }))} value={status} onChange={setStatus} w={170} />
      </Group>
      <List<Account>
        label="Accounts on the target" rows={q.rows} rowKey={(a) => a.id} loading={q.isLoading} error={q.error} again={() => void q.refetch()} stale={q.isPlaceholderData}
        more={q.hasNextPage ? () => void q.fetchNextPage() : undefined} moreLoading={q.isFetchingNextPage}
        empty={<Empty title={name || ownership || status ? 'No account matches' : 'No account is known yet'}>{name || ownership || status ? 'Try another name or status.' : 'They appear when a rule that uses this connection is enabled.'}</Empty>}
        columns={[
          { label: 'Person or group', cell: (a) => (a.kind === 'GROUP' ? <Group gap={6}>{a.object ? <Anchor component={Link} to={`/directory/groups/${a.object.id}`} size="sm">{a.object.name}</Anchor> : <Text size="sm" c="dimmed">nobody’s<Text span size="sm" className="wrap" display="block" hiddenFrom="sm">{accountName(a)}</Text></Text>}<GroupBadge /></Group> : a.object ? <Anchor component={Link} to={`/directory/users/${a.object.id}`} size="sm">{a.object.name}</Anchor> : <Text size="sm" c="dimmed">nobody<Text span size="sm" className="wrap" display="block" hiddenFrom="sm">{accountName(a)}</Text></Text>) },
          { label: 'Account on the target', cell: (a) => (
            <Box>
              <Text size="sm" className="wrap">{accountName(a)}</Text>
              {a.remoteId && <Text size="xs" c="dimmed" ff="monospace">{a.remoteId}{a.kind === 'USER' && a.remote && !a.remote.active ? ' · inactive' : ''}</Text>}
            </Box>
          ), wide: true },
          { label: 'Ownership', cell: (a) => (!a.ownership ? '—' : kept.has(a.remoteId) ? <KeptForeign /> : <Status of={ownerships[a.ownership]} dot={false} />) },
          { label: 'Status', cell: (a) => (a.ownership === 'FOREIGN' ? '—' : <Status of={accountState(a.status)} help={a.error?.message ? sentence(a.error.message) : accountState(a.status)?.help} />), wide: true },
          { label: 'Last sync', cell: (a) => <Text size="sm"><Ago at={a.lastSyncAt} /></Text>, wide: true },
          { label: '', width: 50, cell: (a) => {
            if (!may.editAll || a.kind !== 'USER' || !a.remoteId) return null;
            if (a.object) return <Tooltip label="Unlink"><ActionIcon variant="subtle" color="gray" aria-label={`Unlink ${a.object.name}`} onClick={() => setUnlinking(a)}><IconLinkOff size={16} /></ActionIcon></Tooltip>;
            const name = accountName(a);
            return (
              <Menu position="bottom-end">
                <Menu.Target><ActionIcon variant="subtle" color="gray" aria-label={`Whose is ${name}?`}><IconDots size={16} /></ActionIcon></Menu.Target>
                <Menu.Dropdown>
                  <Menu.Item onClick={() => setLinking({ remoteId: a.remoteId, name, active: a.remote?.active ?? true, linkedTo: '', keptForeign: false })}>Link to a person…</Menu.Item>
                  {kept.has(a.remoteId)
                    ? <Menu.Item onClick={() => release.mutate(a.remoteId)}>Let it be adopted</Menu.Item>
                    : <Menu.Item onClick={() => keep.mutate(a.remoteId)}>Keep foreign</Menu.Item>}
                </Menu.Dropdown>
              </Menu>
            );
          } },
        ]}
      />
      <LinkAccount account={linking} store={store.id} onClose={() => setLinking(undefined)} />
      <Confirm opened={unlinking !== undefined} onClose={() => setUnlinking(undefined)} title={`Unlink ${unlinking?.object?.name}?`} action="Unlink" onConfirm={() => unlinking && unlink.mutate(unlinking)} loading={unlink.isPending} error={unlink.error}>
        Lockstep forgets that this account belongs to {unlinking?.object?.name}. The account itself is left alone and shown as foreign. It is adopted again if it still matches.
      </Confirm>
    </>
  );
}
