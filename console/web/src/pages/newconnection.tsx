import { Alert, Anchor, Button, Group, Modal, Paper, SimpleGrid, Stack, Text, Textarea, TextInput, Title, UnstyledButton } from '@mantine/core';
import { IconAddressBook, IconCircleCheck, IconPlugConnected } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { ApiError, get, post, remove } from '../api';
import { dropDraft, takeDraft } from '../consent';
import { done, useCatalogue, useMetadata } from '../data';
import type { Authorization, Check, Store, StoreType, TestResult } from '../types';
import { Checks } from '../ui/checks';
import { GetToken, TokenFacts } from '../ui/gettoken';
import { Failed, Loading, PageHead } from '../ui/parts';
import { Preferences, SettingField, type Values, sectionOf } from '../ui/settings';
import { Steps } from '../ui/steps';
import { StoreIcon } from '../ui/storeicon';
import { WizardFooter } from '../ui/wizardfooter';

const root = '/integrations/provisioning';

/** The wizard keeps exactly to the order of PingOne's: type, name, authentication with its test, preferences and actions. */
export default function NewConnection() {
  const [search, setSearch] = useSearchParams();
  const authorization = search.get('authorization') ?? '';
  // Back from Slack's consent, the wizard goes on where it was left.
  const [draft] = useState(() => (search.has('authorization') || search.has('resume') ? takeDraft()?.wizard : undefined));
  const catalogue = useCatalogue();
  const [step, setStep] = useState(draft ? 2 : 0);
  const [chosen, setChosen] = useState<StoreType>();
  const [name, setName] = useState(draft?.name ?? '');
  const [description, setDescription] = useState(draft?.description ?? '');
  const [values, setValues] = useState<Values>(draft?.baseUrl ? { BASE_URL: draft.baseUrl } : {});
  useEffect(() => {
    if (draft && !chosen) setChosen(catalogue.data?.find((t) => t.type === draft.type));
  }, [draft, chosen, catalogue.data]);
  const obtained = useQuery({ queryKey: ['authorizations', authorization], enabled: authorization !== '', retry: false, staleTime: Infinity, queryFn: ({ signal }) => get<Authorization>('/propagation/authorizations/' + authorization, signal) });
  const forget = () => {
    void remove('/propagation/authorizations/' + authorization).catch(() => undefined);
    setSearch({}, { replace: true });
    setTested(undefined);
  };
  const [managed, setManaged] = useState(false);
  const [failed, setFailed] = useState<Check[]>();
  const [tested, setTested] = useState<'valid' | 'invalid'>();
  const navigate = useNavigate();
  const client = useQueryClient();
  const metadata = useMetadata(chosen?.type ?? '');
  const fields = metadata.data?.connectionProfiles[0].connectionAttributes ?? [];
  const set = (key: string, v: unknown) => setValues((old) => ({ ...old, [key]: v }));
  const body = () => ({ name: name.trim(), description, type: chosen?.type, managed, status: 'INACTIVE', ...(authorization ? { authorization: { id: authorization } } : {}), configuration: Object.fromEntries(Object.entries(values).filter(([, v]) => v !== '' && v !== null)) });

  const test = useMutation({
    mutationFn: () => post<TestResult>('/propagation/stores/connection/status', body()),
    onSuccess: (result) => {
      if (result.status === 'OK') return setTested('valid');
      setTested('invalid');
      setFailed(result.checks);
    },
  });
  const save = useMutation({
    mutationFn: async () => {
      const made = await post<Store>('/propagation/stores', body());
      // So that its page and the list say whether it tests valid.
      await post(`/propagation/stores/${made.id}/connection/status`).catch(() => undefined);
      return made;
    },
    onSuccess: async (made) => {
      await Promise.all([client.invalidateQueries({ queryKey: ['stores'] }), client.invalidateQueries({ queryKey: ['live'] })]);
      dropDraft();
      done('The connection is saved. It is off until you switch it on.');
      void navigate(`${root}/connections/${made.id}`);
    },
    onError: (e) => {
      if (e instanceof ApiError && e.at('name')) setStep(1);
    },
  });
  const saveError = save.error instanceof ApiError ? save.error : undefined;
  const testError = test.error instanceof ApiError ? test.error : undefined;
  const edit = (key: string, v: unknown) => {
    set(key, v);
    setTested(undefined);
    test.reset();
  };

  return (
    <>
      <PageHead title="New connection" crumbs={[['Provisioning', root + '/connections']]} />
      <Steps labels={['Type', 'Name', 'Authentication', 'Preferences']} active={step} />
      <Paper p={{ base: 'md', sm: 'xl' }} maw={820}>
        {step === 0 && <Choose chosen={chosen} onChoose={setChosen} onNext={() => setStep(1)} />}
        {step === 1 && chosen && (
          <form onSubmit={(e) => { e.preventDefault(); setStep(2); }}>
            <Stack>
              <Group gap="sm"><StoreIcon type={chosen.type} /><Title order={2}>{chosen.name}</Title></Group>
              <TextInput label="Name" description="The connection appears under this name in the provisioning list after you save it." required value={name} onChange={(e) => setName(e.currentTarget.value)} error={saveError?.at('name')} maxLength={256} autoFocus />
              <Textarea label="Description" value={description} onChange={(e) => setDescription(e.currentTarget.value)} error={saveError?.at('description')} maxLength={1024} autosize minRows={2} />
              <Buttons back={() => setStep(0)} next="Next" disabled={!name.trim()} />
            </Stack>
          </form>
        )}
        {step === 2 && (
          <form onSubmit={(e) => { e.preventDefault(); if (tested) setStep(3); else test.mutate(); }}>
            <Stack gap="lg">
              <Title order={2}>Configure authentication</Title>
              {metadata.isLoading && <Loading rows={2} />}
              {authorization && obtained.data?.token && (
                <Alert color="teal" icon={<IconCircleCheck aria-hidden />} title="The token is here">
                  <Text size="sm"><TokenFacts token={obtained.data.token} /> It is kept sealed at the server and waits for an hour to be saved.</Text>
                  <Button size="compact-sm" variant="default" mt="xs" onClick={forget}>Use another token</Button>
                </Alert>
              )}
              {authorization && obtained.error && (
                <Alert color="orange" title="The token is gone">
                  <Text size="sm">It was used already, or waited for more than an hour. Get it again, or paste one.</Text>
                  <Button size="compact-sm" variant="default" mt="xs" onClick={forget}>Start again</Button>
                </Alert>
              )}
              {fields.filter((f) => sectionOf(f) === 'AUTHENTICATION' && !(authorization && f.type === 'SECRET')).map((f) => (
                <Stack key={f.name} gap="xs">
                  <SettingField field={f} value={values[f.name]} onChange={(v) => edit(f.name, v)} error={testError?.at('configuration.' + f.name)} />
                  {f.type === 'SECRET' && chosen?.type === 'Slack' && (
                    <Group gap="sm">
                      <GetToken type={chosen.type} baseUrl={String(values.BASE_URL ?? '')} draft={{ path: root + '/connections/new', wizard: { type: chosen.type, name, description, baseUrl: String(values.BASE_URL ?? '') } }} />
                      <Text size="sm" c="dimmed" flex="1 1 240px">Get it by a Slack app of your own, or paste one. <Anchor href="https://docs.slack.dev/admins/scim-api" target="_blank" rel="noreferrer" size="sm">How to get a Slack API access token</Anchor></Text>
                    </Group>
                  )}
                </Stack>
              ))}
              {test.error && !testError?.details.length && <Failed error={test.error} title="The connection could not be tested" />}
              {test.error && testError?.details.some((d) => !fields.some((f) => 'configuration.' + f.name === d.target && sectionOf(f) === 'AUTHENTICATION')) && <Failed error={test.error} title="The connection could not be tested" />}
              {tested === 'valid' && <Alert color="teal" icon={<IconCircleCheck aria-hidden />} title="Connection Successful" role="status" />}
              {tested === 'valid' && test.data && <Paper p="md"><Checks checks={test.data.checks} /></Paper>}
              <Group>
                <Button variant="default" leftSection={<IconPlugConnected size={16} />} loading={test.isPending} onClick={() => test.mutate()} disabled={fields.some((f) => sectionOf(f) === 'AUTHENTICATION' && f.required && !values[f.name] && !(authorization && f.type === 'SECRET'))}>Test connection</Button>
              </Group>
              <Buttons back={() => setStep(1)} next="Next" disabled={tested !== 'valid'} />
            </Stack>
          </form>
        )}
        {step === 3 && (
          <form onSubmit={(e) => { e.preventDefault(); save.mutate(); }}>
            <Stack gap="lg">
              <Title order={2}>Configure Preferences and Actions</Title>
              {tested === 'invalid' && <Alert color="orange" title="This connection is invalid">It can be saved, but cannot be used for provisioning until it tests valid.</Alert>}
              <Preferences fields={fields} values={values} onChange={set} managed={managed} onManaged={setManaged} error={saveError} />
              {save.error && <Failed error={save.error} title="The connection was not saved" />}
              <Buttons back={() => setStep(2)} next="Save" loading={save.isPending} />
            </Stack>
          </form>
        )}
      </Paper>
      <Modal opened={failed !== undefined} onClose={() => setFailed(undefined)} title={<Text fw={650}>Test Connection Failed</Text>} size="lg">
        <Stack>
          <Text size="sm">Lockstep cannot use {chosen?.name} with what you entered:</Text>
          {failed && <Checks checks={failed} />}
          <Text size="sm" c="dimmed">
            Cancel goes back so that you can correct it and test again. Continue goes on with the set-up and saves an invalid connection: it cannot be used for provisioning until it tests valid.
          </Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setFailed(undefined)} data-autofocus>Cancel</Button>
            <Button color="orange" onClick={() => { setFailed(undefined); setStep(3); }}>Continue</Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}

function Buttons({ back, next, disabled, loading }: { back?: () => void; next: string; disabled?: boolean; loading?: boolean }) {
  return (
    <WizardFooter
      back={back && <Button variant="default" onClick={back}>Back</Button>} leave={<Button variant="subtle" color="gray" component={Link} to={root + '/connections'}>Cancel</Button>}
      next={<Button type="submit" disabled={disabled} loading={loading}>{next}</Button>}
    />
  );
}

/** First the kind of connection, then the tile from the catalogue. */
function Choose({ chosen, onChoose, onNext }: { chosen?: StoreType; onChoose: (t: StoreType) => void; onNext: () => void }) {
  const [kind, setKind] = useState(chosen !== undefined);
  const [marked, setMarked] = useState<StoreType | undefined>(chosen);
  const catalogue = useCatalogue();
  if (!kind) {
    return (
      <Stack>
        <Title order={2}>Select a connection type</Title>
        <Paper p="md">
          <Group justify="space-between" wrap="nowrap">
            <Group gap="md" wrap="nowrap">
              <IconAddressBook size={30} stroke={1.4} aria-hidden style={{ flexShrink: 0 }} />
              <div>
                <Text fw={600} id="kind">Identity Store</Text>
                <Text size="sm" c="dimmed">Provision users to another system's user directory.</Text>
              </div>
            </Group>
            <Button variant="light" onClick={() => setKind(true)} aria-describedby="kind" style={{ flexShrink: 0 }}>Select</Button>
          </Group>
        </Paper>
        <WizardFooter leave={<Button variant="subtle" color="gray" component={Link} to={root + '/connections'}>Cancel</Button>} />
      </Stack>
    );
  }
  return (
    <form onSubmit={(e) => { e.preventDefault(); onNext(); }}>
      <Stack>
        <Title order={2}>Select an identity store</Title>
        {catalogue.isLoading && <Loading rows={2} />}
        {catalogue.error && <Failed error={catalogue.error} again={() => void catalogue.refetch()} />}
        <SimpleGrid cols={{ base: 1, xs: 2, sm: 3 }}>
          {catalogue.data?.filter((t) => t.target).map((t) => (
            <div key={t.type}>
              <UnstyledButton className="tile" aria-pressed={marked?.type === t.type} onClick={() => setMarked(t)} aria-label={t.name} mih={116}>
                <Group gap="sm" wrap="nowrap" align="flex-start">
                  <StoreIcon type={t.type} />
                  <div>
                    <Text fw={600} size="sm">{t.name}</Text>
                    <Text size="xs" c="dimmed">{t.description}</Text>
                  </div>
                </Group>
              </UnstyledButton>
              {marked?.type === t.type && (
                <Button fullWidth mt="xs" variant={chosen?.type === t.type ? 'filled' : 'light'} onClick={() => onChoose(t)} leftSection={chosen?.type === t.type ? <IconCircleCheck size={16} /> : undefined}>
                  {chosen?.type === t.type ? 'Selected' : 'Select'}
                </Button>
              )}
            </div>
          ))}
        </SimpleGrid>
        <Buttons back={() => setKind(false)} next="Next" disabled={!chosen} />
      </Stack>
    </form>
  );
}
