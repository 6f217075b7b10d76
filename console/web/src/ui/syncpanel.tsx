import { Button, Group, Modal, Paper, Stack, Text } from '@mantine/core';
import { IconRefresh } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'react-router';
import { post, sentence } from '../api';
import { isMissing, useAct, useSyncedRules } from '../data';
import { useMay } from '../session';
import { accountState, ownerships } from '../text';
import type { SyncedRule, Trace } from '../types';
import { Ago, Empty, Facts, Failed, Loading, Section, Status } from './parts';

/** How a user or a group stands under each rule, and provisioning now with the steps it took. */
export function SyncPanel({ of, id }: { of: 'users' | 'groups'; id: string }) {
  const may = useMay();
  const q = useSyncedRules(of, id);
  const [trace, setTrace] = useState<{ rule: string; trace: Trace }>();
  const now = useAct(async (s: SyncedRule) => setTrace({ rule: s.rule.name, trace: await post<Trace>(`/${of}/${id}/syncedRules/${s.rule.id}`) }), [['live'], ['activities']], 'Provisioning did not work');
  if (isMissing(q)) return <Failed error={q.error} again={() => void q.refetch()} />;
  if (q.isLoading) return <Loading />;
  if (!q.data?.length) return <Paper>{of === 'users' ? <Empty title="No rule covers this person">A rule whose filter matches makes and keeps an account for them.</Empty> : <Empty title="No rule carries this group">A rule on which the group is selected makes and keeps it on its target.</Empty>}</Paper>;
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
              [of === 'users' ? 'Account' : 'Group on the target', s.account.remoteId ? <Text key="a" size="sm" ff="monospace">{s.account.remoteId}{of === 'users' && s.account.remote ? (s.account.remote.active ? ' · active' : ' · inactive') : ''}</Text> : 'none'],
              ['Ownership', s.account.ownership ? ownerships[s.account.ownership].label : '—'],
              ['Details', s.details ? sentence(s.details) : accountState(s.status)?.help], ['Last sync', <Ago key="l" at={s.lastSyncAt} />],
              ...(s.account.nextTryAt ? [['Next try', <Ago key="n" at={s.account.nextTryAt} />] as [string, React.ReactNode]] : []),
            ]} />
          </Stack>
        </Section>
      ))}
      {trace && <TraceModal title={`Provisioned with ${trace.rule}`} trace={trace.trace} onClose={() => setTrace(undefined)} />}
    </Stack>
  );
}

/** What provisioning now did, step by step. */
export function TraceModal({ title, trace, onClose }: { title: string; trace: Trace; onClose: () => void }) {
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>{title}</Text>} size="lg">
      <Stack gap="sm">
        {trace.steps.map((s) => (
          <Group key={s.name} wrap="nowrap" align="flex-start" gap="sm">
            <Status label={s.status === 'OK' ? 'Done' : s.status === 'FAILED' ? 'Failed' : 'Skipped'} color={s.status === 'OK' ? 'teal' : s.status === 'FAILED' ? 'red' : 'gray'} />
            <div><Text size="sm" fw={600} tt="capitalize">{s.name}</Text><Text size="sm" className="wrap">{sentence(s.detail)}</Text></div>
          </Group>
        ))}
        <Group justify="flex-end"><Button variant="default" onClick={onClose}>Close</Button></Group>
      </Stack>
    </Modal>
  );
}
