// What others changed on the target of a connection, with both values.
import { Anchor, Box, Button, Group, Select, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconRadar2 } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'react-router';
import { post } from '../api';
import { done, useAct, usePages, useStoreStatus } from '../data';
import { useMay } from '../session';
import { driftHelp, driftOurs, driftStates, driftTheirs, driftWhat, plural } from '../text';
import type { Drift, Store } from '../types';
import { Ago, Confirm, Empty, List, Status } from '../ui/parts';

const stale = [['live'], ['activities']];

export function DriftList({ store }: { store: Store }) {
  const may = useMay();
  const state = useStoreStatus(store.id).data;
  const [status, setStatus] = useState<string | null>('LIVE');
  const [all, setAll] = useState<'REPAIR' | 'ACCEPT'>('REPAIR');
  const [asking, asks] = useDisclosure();
  const filter = status === 'LIVE' ? {} : status === null ? { ended: 'true' } : { status };
  const q = usePages<'drift', Drift>(['live', 'drift', store.id], `/propagation/stores/${store.id}/drift`, 'drift', { ...filter, limit: 50 });
  const scan = useAct(async () => {
    await post(`/propagation/stores/${store.id}/scan`);
    done('The target is being read. What differs appears here.');
  }, stale, 'The scan was not started');
  const decide = useAct(async ({ decision, one }: { decision: 'REPAIR' | 'ACCEPT'; one?: Drift }) => {
    await (one ? post('/propagation/drift/' + one.id, { decision }) : post(`/propagation/stores/${store.id}/drift`, { decision }));
    asks.close();
    done(decision === 'REPAIR' ? 'It is being repaired.' : 'The target’s value is accepted.');
  }, stale, 'That was not decided');
  const open = state?.drift.open ?? 0;
  const handling = String(store.configuration.DRIFT_HANDLING ?? 'Repair');
  return (
    <Stack>
      <Group justify="space-between" gap="sm">
        <Text size="sm" c="dimmed" maw={640}>
          {driftHelp[handling] ?? driftHelp.Repair} {state?.lastScanAt ? <>The target was last read <Ago at={state.lastScanAt} />.</> : 'The target was not read yet.'}
        </Text>
        <Group gap="xs">
          {may.editAll && open > 1 && <Button variant="default" onClick={() => { setAll('ACCEPT'); asks.open(); }}>Accept all</Button>}
          {may.editAll && open > 1 && <Button variant="default" onClick={() => { setAll('REPAIR'); asks.open(); }}>Repair all</Button>}
          {may.editAll && store.status === 'ACTIVE' && <Button variant="default" leftSection={<IconRadar2 size={16} />} onClick={() => scan.mutate(undefined)} loading={scan.isPending}>Scan now</Button>}
        </Group>
      </Group>
      <Select
        aria-label="Which drift" w={220} allowDeselect={false} value={status ?? 'ALL'} onChange={(v) => setStatus(v === 'ALL' ? null : v)}
        data={[{ value: 'LIVE', label: 'Not settled' }, { value: 'OPEN', label: 'Open' }, { value: 'ACCEPTED', label: 'Accepted' }, { value: 'REPAIRED', label: 'Repaired' }, { value: 'ALL', label: 'All of 30 days' }]}
      />
      <List<Drift>
        label="Drift" rows={q.rows} rowKey={(d) => d.id} loading={q.isLoading} error={q.error} again={() => void q.refetch()} stale={q.isPlaceholderData}
        more={q.hasNextPage ? () => void q.fetchNextPage() : undefined} moreLoading={q.isFetchingNextPage}
        empty={<Empty title="Nothing differs">{status === 'LIVE' ? 'Nobody changed on the target what Lockstep manages, as far as it was read.' : 'No drift stands like this.'}</Empty>}
        columns={[
          { label: 'What differs', cell: (d) => (
            <Box>
              {d.kind === 'USER' ? <Anchor component={Link} to={`/directory/users/${d.object.id}`} size="sm" fw={500}>{d.object.name}</Anchor> : <Text size="sm" fw={500}>{d.object.name} <Text span size="xs" c="dimmed">group</Text></Text>}
              <Text size="sm">{driftWhat(d)}</Text>
            </Box>
          ) },
          { label: 'Ours and theirs', cell: (d) => (
            <Box>
              <Text size="xs" className="wrap"><Text span inherit c="dimmed">Ours</Text> {driftOurs(d)}</Text>
              <Text size="xs" className="wrap"><Text span inherit c="dimmed">There</Text> <Text span inherit fw={600}>{driftTheirs(d)}</Text></Text>
            </Box>
          ) },
          { label: 'Found', cell: (d) => <Text size="sm"><Ago at={d.foundAt} /></Text>, wide: true },
          { label: 'Status', cell: (d) => (
            <Stack gap={4} align="flex-start">
              <Status of={driftStates[d.status]} />
              {d.decidedBy && <Text size="xs" c="dimmed">by {d.decidedBy}</Text>}
              {may.editAll && ['OPEN', 'ACCEPTED'].includes(d.status) && (
                <Group gap={4}>
                  <Button size="compact-xs" variant="light" aria-label={`Repair ${driftWhat(d)} of ${d.object.name}`} onClick={() => decide.mutate({ decision: 'REPAIR', one: d })} disabled={decide.isPending}>Repair</Button>
                  {d.status === 'OPEN' && <Button size="compact-xs" variant="default" aria-label={`Accept ${driftWhat(d)} of ${d.object.name}`} onClick={() => decide.mutate({ decision: 'ACCEPT', one: d })} disabled={decide.isPending}>Accept</Button>}
                </Group>
              )}
            </Stack>
          ) },
        ]}
      />
      <Confirm
        opened={asking} onClose={asks.close} title={all === 'REPAIR' ? 'Repair everything that is open?' : 'Accept everything that is open?'} action={all === 'REPAIR' ? 'Repair all' : 'Accept all'} color={all === 'REPAIR' ? 'lagoon' : 'orange'}
        onConfirm={() => decide.mutate({ decision: all })} loading={decide.isPending} error={decide.error}
      >
        {all === 'REPAIR'
          ? `${plural(open, 'value is', 'values are')} written as the directory says. Who would lose access by it passes the deprovisioning limits.`
          : `${plural(open, 'value stays', 'values stay')} as on the target, until the directory changes that attribute.`}
      </Confirm>
    </Stack>
  );
}
