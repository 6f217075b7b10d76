import { Anchor, Button, Group, Paper, Select, Stack, Text, Textarea, TextInput, Title } from '@mantine/core';
import { IconArrowRight } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useNavigate, useParams, useSearchParams } from 'react-router';
import { ApiError, get, post, put } from '../api';
import { isMissing, ruleBody, useRule, useStore, useStores } from '../data';
import type { Page, Rule, Store } from '../types';
import { Consent, consents, GroupsEditor, handlingOf, useHasGroups } from '../rule/groups';
import { FilterEditor } from '../rule/filtereditor';
import { MappingEditor } from '../rule/mappingeditor';
import { PreviewPanel, usePreview } from '../rule/preview';
import { NotPublished, usePublishPreview } from '../rule/publishpreview';
import { Empty, Failed, Loading, PageHead } from '../ui/parts';
import { Steps } from '../ui/steps';
import { StoreIcon } from '../ui/storeicon';
import { WizardFooter } from '../ui/wizardfooter';

const root = '/integrations/provisioning';
const steps = ['filter', 'mapping', 'groups', 'preview'];

/** From source and target to an enabled rule. After the first step the rule exists, switched off, so nothing is lost on the way. */
export default function NewRule() {
  const { id = '', step = '' } = useParams();
  const active = id ? 1 + Math.max(0, steps.indexOf(step)) : 0;
  return (
    <>
      <PageHead title="New rule" crumbs={[['Provisioning', root + '/connections'], ['Rules', root + '/rules']]} />
      <Steps labels={['Source and target', 'User filter', 'Mapping', 'Groups', 'Preview']} active={active} />
      {active === 0 ? <Create /> : <Continue key={step} id={id} step={steps[active - 1]} />}
    </>
  );
}

/** The plan and the directory's own store are there once per environment; the first rule makes them. */
async function surroundings(stores: Store[]): Promise<{ plan: string; source: string }> {
  const plans = (await get<Page<'plans', { id: string }>>('/propagation/plans'))._embedded.plans;
  const plan = plans[0]?.id ?? (await post<{ id: string }>('/propagation/plans', { name: 'Provisioning', status: 'ACTIVE' })).id;
  const source = stores.find((s) => s.type === 'directory')?.id ?? (await post<Store>('/propagation/stores', { name: 'Lockstep directory', type: 'directory', status: 'ACTIVE', configuration: {} })).id;
  return { plan, source };
}

function Create() {
  const stores = useStores();
  const navigate = useNavigate();
  const client = useQueryClient();
  const [parameters] = useSearchParams();
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const [target, setTarget] = useState<string | null>(parameters.get('target'));
  const create = useMutation({
    mutationFn: async () => {
      const { plan, source } = await surroundings(stores.data ?? []);
      return post<Rule>(`/propagation/plans/${plan}/rules`, { name, description, sourceStore: { id: source }, targetStore: { id: target } });
    },
    onSuccess: async (rule) => {
      await Promise.all([client.invalidateQueries({ queryKey: ['rules'] }), client.invalidateQueries({ queryKey: ['stores'] })]);
      void navigate(`${root}/rules/${rule.id}/setup/filter`);
    },
  });
  if (isMissing(stores)) return <Failed error={stores.error} again={() => void stores.refetch()} />;
  if (stores.isLoading) return <Loading />;
  const targets = stores.data?.filter((s) => s.type !== 'directory') ?? [];
  const error = create.error instanceof ApiError ? create.error : undefined;
  if (targets.length === 0) {
    return <Paper><Empty title="A rule needs a connection first" action={<Button component={Link} to={root + '/connections/new'}>New connection</Button>}>A connection is the target that people are provisioned to.</Empty></Paper>;
  }
  return (
    <Paper p={{ base: 'md', sm: 'xl' }} maw={820}>
      <form onSubmit={(e) => { e.preventDefault(); create.mutate(); }}>
        <Stack>
          <TextInput label="Name" required value={name} onChange={(e) => setName(e.currentTarget.value)} error={error?.at('name')} maxLength={256} autoFocus />
          <Textarea label="Description" value={description} onChange={(e) => setDescription(e.currentTarget.value)} error={error?.at('description')} autosize minRows={2} />
          <Group align="flex-end" gap="md">
            <div>
              <Text size="sm" fw={500} mb={4}>Source</Text>
              <Group gap={8} h={36}><StoreIcon type="directory" size={26} /><Text size="sm">Lockstep directory</Text></Group>
            </div>
            <IconArrowRight size={18} aria-label="to" style={{ marginBottom: 9 }} />
            <Select label="Target" required placeholder="Choose a connection" data={targets.map((s) => ({ value: s.id, label: s.name }))} value={target} allowDeselect={false} onChange={setTarget} error={error?.at('targetStore.id', 'targetStore')} flex="1 1 220px" />
          </Group>
          <Text size="sm" c="dimmed">Source and target cannot be changed later.</Text>
          {create.error && !error?.at('name', 'description', 'targetStore.id', 'targetStore') && <Failed error={create.error} title="The rule was not created" />}
          <WizardFooter
            leave={<Button variant="subtle" color="gray" component={Link} to={root + '/rules'}>Cancel</Button>}
            next={<Button type="submit" loading={create.isPending} disabled={!name.trim() || !target}>Create rule</Button>}
          />
        </Stack>
      </form>
    </Paper>
  );
}

function Continue({ id, step }: { id: string; step: string }) {
  const rule = useRule(id);
  const store = useStore(rule.data?.targetStore.id ?? '');
  if (isMissing(rule)) return <Failed error={rule.error} again={() => void rule.refetch()} />;
  if (!rule.data || !store.data) return <Loading />;
  switch (step) {
    case 'filter': return <Filter rule={rule.data} />;
    case 'mapping': return <MappingStep rule={rule.data} store={store.data} />;
    case 'groups': return <GroupsStep rule={rule.data} store={store.data} />;
    default: return <Enable rule={rule.data} store={store.data} />;
  }
}

const to = (r: Rule, step: string) => `${root}/rules/${r.id}/setup/${step}`;

const FinishLater = ({ rule }: { rule: Rule }) => <Button variant="subtle" color="gray" component={Link} to={`${root}/rules/${rule.id}`}>Finish later</Button>;

function Filter({ rule }: { rule: Rule }) {
  const [text, setText] = useState(rule.populationExpression);
  const navigate = useNavigate();
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () => put<Rule>('/propagation/rules/' + rule.id, { ...ruleBody(rule), populationExpression: text }),
    onSuccess: async () => { await client.invalidateQueries({ queryKey: ['rules'] }); void navigate(to(rule, 'mapping')); },
  });
  return (
    <Paper p={{ base: 'md', sm: 'xl' }} maw={920}>
      <Stack>
        <div><Title order={2}>User filter</Title><Text size="sm" c="dimmed">Who gets an account on the target? People who do not match any more are deprovisioned, where that is allowed.</Text></div>
        <FilterEditor value={text} onChange={setText} />
        {save.error && <Failed error={save.error} title="The filter was not saved" />}
        <WizardFooter leave={<FinishLater rule={rule} />} next={<Button onClick={() => save.mutate()} loading={save.isPending} disabled={!text.trim()}>Next</Button>} />
      </Stack>
    </Paper>
  );
}

function MappingStep({ rule, store }: { rule: Rule; store: Store }) {
  return (
    <Paper p={{ base: 'md', sm: 'xl' }}>
      <Stack>
        <div><Title order={2}>Attribute mapping</Title><Text size="sm" c="dimmed">What is sent to {store.name}. The defaults are a good start; choose a person to see the values.</Text></div>
        <MappingEditor rule={rule} type={store.type} />
        <WizardFooter
          back={<Button variant="default" component={Link} to={to(rule, 'filter')}>Back</Button>} leave={<FinishLater rule={rule} />}
          next={<Button component={Link} to={to(rule, 'groups')}>Next</Button>}
        />
      </Stack>
    </Paper>
  );
}

function GroupsStep({ rule, store }: { rule: Rule; store: Store }) {
  const [ids, setIds] = useState(rule.groups.map((g) => g.id));
  const [asking, setAsking] = useState(false);
  const hasGroups = useHasGroups(store.type);
  const navigate = useNavigate();
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () => put<Rule>('/propagation/rules/' + rule.id, { ...ruleBody(rule), groups: ids.map((id) => ({ id })) }),
    onSuccess: async () => { await client.invalidateQueries({ queryKey: ['rules'] }); void navigate(to(rule, 'preview')); },
  });
  const fresh = ids.filter((id) => !rule.groups.some((g) => g.id === id)).length;
  return (
    <Paper p={{ base: 'md', sm: 'xl' }}>
      <Stack>
        <div><Title order={2}>Groups</Title><Text size="sm" c="dimmed">Which groups go to {store.name}? Each goes with those of its members whom the user filter covers. A rule can do without.</Text></div>
        {hasGroups ? <GroupsEditor value={ids} onChange={setIds} filter={rule.populationExpression} /> : <Paper><Empty title="This kind of target has no groups">Go on with the preview.</Empty></Paper>}
        {save.error && <Failed error={save.error} title="The groups were not saved" />}
        {asking && <Consent store={store} added={ids.length} active={false} onClose={() => setAsking(false)} onAgree={(how) => { consents.set(rule.id, how); save.mutate(); }} loading={save.isPending} error={save.error} />}
        <WizardFooter
          back={<Button variant="default" component={Link} to={to(rule, 'mapping')}>Back</Button>} leave={<FinishLater rule={rule} />}
          next={<Button onClick={() => (ids.length > 0 && (fresh > 0 || !consents.has(rule.id)) ? setAsking(true) : save.mutate())} loading={save.isPending}>Next</Button>}
        />
      </Stack>
    </Paper>
  );
}

function Enable({ rule, store }: { rule: Rule; store: Store }) {
  const navigate = useNavigate();
  const [agreed, setAgreed] = useState(consents.get(rule.id));
  const preview = usePreview({ rule: rule.id, store: store.id }, agreed === 'OVERWRITE');
  // Exactly this preview is published: what has moved meanwhile is said, and nothing is done.
  const enable = usePublishPreview(preview, 'The rule is enabled.', () => put<Rule>('/propagation/rules/' + rule.id, { ...ruleBody(rule), active: true }));
  const again = () => { enable.reset(); void preview.refetch(); };
  const go = () => enable.mutate(undefined, { onSuccess: () => { consents.delete(rule.id); void navigate(`${root}/rules/${rule.id}`); } });
  const off = store.status !== 'ACTIVE';
  const [asking, setAsking] = useState(false);
  const unasked = rule.groups.length > 0 && handlingOf(store) === 'Overwrite' && !agreed;
  return (
    <Paper p={{ base: 'md', sm: 'xl' }}>
      <Stack>
        <div><Title order={2}>Preview</Title><Text size="sm" c="dimmed">Exactly what enabling the rule does at {store.name}.</Text></div>
        {enable.error && <NotPublished error={enable.error} again={again} title="The rule was not enabled" />}
        <PreviewPanel of={{ rule: rule.id, store: store.id }} preview={preview} />
        {agreed === 'OVERWRITE' && rule.groups.length > 0 && handlingOf(store) === 'Overwrite' && <Text size="sm">Groups that {store.name} has already are overwritten, as you agreed: the preview shows who goes.</Text>}
        {off && <Text size="sm">The connection <Anchor component={Link} to={`${root}/connections/${store.id}`} inherit>{store.name}</Anchor> is off. Switch it on first; a rule cannot be enabled before its connection is.</Text>}
        {asking && (
          <Consent
            store={store} added={rule.groups.length} active={false} onClose={() => setAsking(false)}
            onAgree={(how) => {
              consents.set(rule.id, how);
              setAgreed(how);
              setAsking(false);
              // What was shown holds such groups. Overwriting them is another preview, to be looked at before it is published.
              if (how !== 'OVERWRITE') go();
            }}
          />
        )}
        <WizardFooter
          back={<Button variant="default" component={Link} to={to(rule, 'groups')}>Back</Button>} leave={<FinishLater rule={rule} />}
          next={<Button onClick={() => (unasked ? setAsking(true) : go())} loading={enable.isPending} disabled={off || !preview.data || preview.isFetching || !!preview.error || !!enable.error}>Enable rule</Button>}
        />
      </Stack>
    </Paper>
  );
}

