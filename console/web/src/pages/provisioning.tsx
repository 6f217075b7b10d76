import { Button, Group, Menu, Tabs, Text } from '@mantine/core';
import { IconArrowsExchange, IconPlug, IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { useRules, useStanding, useStores, useStoreStatus, useSyncStatus } from '../data';
import { sentence } from '../api';
import { useMay } from '../session';
import { number, plural, ruleState, ruleStates } from '../text';
import type { Rule, Store, StoreStatus, SyncStatus } from '../types';
import { StoreIcon } from '../ui/storeicon';
import { Ago, Empty, List, PageHead, Search, Status, usePortion } from '../ui/parts';

const root = '/integrations/provisioning';

export default function Provisioning({ tab }: { tab: 'connections' | 'rules' }) {
  const navigate = useNavigate();
  const may = useMay();
  return (
    <>
      <PageHead
        title="Provisioning"
        actions={
          may.editAll && (
            <Menu position="bottom-end">
              <Menu.Target>
                <Button leftSection={<IconPlus size={16} />} aria-label="Add a connection or a rule">Add</Button>
              </Menu.Target>
              <Menu.Dropdown>
                <Menu.Item leftSection={<IconPlug size={16} />} component={Link} to={root + '/connections/new'}>New connection</Menu.Item>
                <Menu.Item leftSection={<IconArrowsExchange size={16} />} component={Link} to={root + '/rules/new'}>New rule</Menu.Item>
              </Menu.Dropdown>
            </Menu>
          )
        }
      >
        Connections reach the systems that follow your directory. Rules say who follows, with which attributes.
      </PageHead>
      <Tabs value={tab} onChange={(t) => void navigate(`${root}/${t}`)} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="connections">Connections</Tabs.Tab>
          <Tabs.Tab value="rules">Rules</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="connections"><Connections /></Tabs.Panel>
        <Tabs.Panel value="rules"><Rules /></Tabs.Panel>
      </Tabs>
    </>
  );
}

/** A search over a list that is long enough to need one. */
function Narrow({ of, found, text, onChange, label, one }: { of?: unknown[]; found: number; text: string; onChange: (t: string) => void; label: string; one: string }) {
  if (!of || of.length <= 10) return null;
  return (
    <Group mb="md" gap="sm">
      <Search value={text} onChange={onChange} label={label} />
      <Text size="sm" c="dimmed" aria-live="polite" className="numbers">{text.trim() ? plural(found, 'match', 'matches') : plural(found, one)}</Text>
    </Group>
  );
}

export function StoreState({ store }: { store: Store }) {
  const q = useStoreStatus(store.type === 'directory' ? '' : store.id);
  if (store.type === 'directory') return <Status label="Built in" dot={false} help="The users of this environment; the source of every rule." />;
  return <StoreStanding store={store} status={q.data} />;
}

function StoreStanding({ store, status: s }: { store: Store; status?: StoreStatus }) {
  if (s?.paused) return <Status of={ruleStates.PAUSED} />;
  if (s?.halt) return <Status of={ruleStates.HALTED} help={s.halt.message} />;
  if (s?.test?.status === 'FAILED') return <Status label="Invalid" color="red" help="Its last test failed. It cannot be used for provisioning until it tests valid." />;
  if (store.status === 'ACTIVE') return <Status label="On" color="teal" help="Switched on." />;
  return <Status label="Off" color="gray" help="New connections are off until somebody switches them on." />;
}

function Connections() {
  const stores = useStores();
  const rules = useRules();
  const may = useMay();
  const used = (id: string) => rules.data?.filter((r) => r.targetStore.id === id || r.sourceStore.id === id).length ?? 0;
  const [text, setText] = useState('');
  const targets = stores.data?.filter((s) => s.type !== 'directory');
  const portion = usePortion(targets, text);
  const standing = useStanding<StoreStatus>((id) => `/propagation/stores/${id}/status`, portion.rows.map((s) => s.id));
  return (
    <>
    <Narrow of={targets} found={portion.found} text={text} onChange={setText} label="Search connections" one="connection" />
    <List<Store>
      label="Connections" rows={portion.rows} more={portion.more} rowKey={(s) => s.id} to={(s) => `${root}/connections/${s.id}`} loading={stores.isLoading} error={stores.error} again={() => void stores.refetch()}
      empty={text.trim() ? <Empty title="No connection matches">Try another name.</Empty> : (
        <Empty icon={<IconPlug size={40} stroke={1.3} />} title="No connection yet" action={may.editAll && <Button component={Link} to={root + '/connections/new'}>New connection</Button>}>
          A connection holds how a target, such as a Slack workspace, is reached, and what may be done there.
        </Empty>
      )}
      columns={[
        { label: 'Name', cell: (s) => (
          <Group gap="sm" wrap="nowrap">
            <StoreIcon type={s.type} />
            <div>
              <Text component={Link} to={`${root}/connections/${s.id}`} fw={600} size="sm" c="inherit" td="none">{s.name}</Text>
              {s.description && <Text size="xs" c="dimmed" lineClamp={1}>{s.description}</Text>}
            </div>
          </Group>
        ) },
        { label: 'Type', cell: (s) => s.type, wide: true, width: 120 },
        { label: 'Rules', cell: (s) => used(s.id), wide: true, width: 90, align: 'right' },
        { label: 'Status', cell: (s) => <StoreStanding store={s} status={standing[s.id]} />, width: 130 },
      ]}
    />
    </>
  );
}

export function RuleState({ id }: { id: string }) {
  return <RuleStanding status={useSyncStatus(id).data} />;
}

function RuleStanding({ status: s }: { status?: SyncStatus }) {
  return s ? <Status of={ruleState(s)} help={s.details ? sentence(s.details) : undefined} /> : <Text size="sm" c="dimmed">…</Text>;
}

function Rules() {
  const rules = useRules();
  const stores = useStores();
  const may = useMay();
  const name = (id: string) => stores.data?.find((s) => s.id === id)?.name ?? '…';
  const [text, setText] = useState('');
  const portion = usePortion(rules.data, text);
  const standing = useStanding<SyncStatus>((id) => `/propagation/rules/${id}/syncStatus`, portion.rows.map((r) => r.id));
  return (
    <>
    <Narrow of={rules.data} found={portion.found} text={text} onChange={setText} label="Search rules" one="rule" />
    <List<Rule>
      label="Rules" rows={portion.rows} more={portion.more} rowKey={(r) => r.id} to={(r) => `${root}/rules/${r.id}`} loading={rules.isLoading} error={rules.error} again={() => void rules.refetch()}
      empty={text.trim() ? <Empty title="No rule matches">Try another name.</Empty> : (
        <Empty icon={<IconArrowsExchange size={40} stroke={1.3} />} title="No rule yet" action={may.editAll && <Button component={Link} to={root + '/rules/new'}>New rule</Button>}>
          A rule says which people get an account on a target, and which of their attributes are sent.
        </Empty>
      )}
      columns={[
        { label: 'Name', cell: (r) => (
          <>
            <Text component={Link} to={`${root}/rules/${r.id}`} fw={600} size="sm" c="inherit" td="none">{r.name}</Text>
            {r.description && <Text size="xs" c="dimmed" lineClamp={1}>{r.description}</Text>}
          </>
        ) },
        { label: 'Source → Target', cell: (r) => <Text size="sm">{name(r.sourceStore.id)} → {name(r.targetStore.id)}</Text>, wide: true },
        { label: 'In scope', cell: (r) => (standing[r.id] ? number(standing[r.id]!.users.impacted) : '…'), wide: true, width: 100, align: 'right' },
        { label: 'Last sync', cell: (r) => (standing[r.id] ? <Text size="sm"><Ago at={standing[r.id]!.lastSyncAt} /></Text> : '…'), wide: true, width: 140 },
        { label: 'Status', cell: (r) => <RuleStanding status={standing[r.id]} />, width: 130 },
      ]}
    />
    </>
  );
}
