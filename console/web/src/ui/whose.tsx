import { Alert, Button, Group, Modal, Paper, Select, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get, post, quoted, remove } from '../api';
import { done, useAct, useMatching } from '../data';
import { useMay } from '../session';
import { nameOf } from '../text';
import type { Candidate, Foreseen, Page } from '../types';
import { Failed, Status } from './parts';

const stale = [['live'], ['activities'], ['foreign']];
const accounts = (store: string) => `/propagation/stores/${store}/accounts`;
const foreign = (store: string) => `/propagation/stores/${store}/foreignAccounts`;

/** Says whose an account is, or that it stays nobody's. */
export function useWhose(store: string, onDecided?: () => void) {
  const after = (said: string) => () => { done(said); onDecided?.(); };
  return {
    link: useAct((a: { user: string; remote: string }) => post(accounts(store), { user: { id: a.user }, remoteId: a.remote }).then(after('The account is linked.')), stale),
    keep: useAct((remote: string) => post(foreign(store), { remoteId: remote }).then(after('The account stays foreign.')), stale, 'That did not work'),
    release: useAct((remote: string) => remove(`${foreign(store)}/${encodeURIComponent(remote)}`).then(after('The account may be adopted.')), stale, 'That did not work'),
  };
}

/** The accounts of which somebody said that they stay foreign. */
export function useKeptForeign(store: string): Set<string> {
  const q = useQuery({ queryKey: ['foreign', store], queryFn: ({ signal }) => get<Page<'foreignAccounts', { remoteId: string }>>(foreign(store), signal).then((p) => new Set(p._embedded.foreignAccounts.map((a) => a.remoteId))) });
  return q.data ?? none;
}

const none = new Set<string>();

/** The accounts that may be somebody's, with what can be decided about each. */
export function Candidates({ of: o, store, onDecided }: { of: Foreseen; store: string; onDecided: () => void }) {
  const may = useMay();
  const { link, keep, release } = useWhose(store, onDecided);
  if (o.group !== 'AMBIGUOUS') return null;
  const busy = link.isPending || keep.isPending || release.isPending;
  return (
    <Stack gap={6} mt={8}>
      {o.candidates.map((c) => (
        <Paper key={c.remoteId} p="xs" withBorder>
          <Group justify="space-between" gap="xs">
            <div style={{ minWidth: 0 }}>
              <Text size="sm" className="wrap" fw={550}>{c.name}</Text>
              <Text size="xs" c="dimmed" className="wrap"><Text span inherit ff="monospace">{c.remoteId}</Text>{c.active ? '' : ' · inactive'}{c.linkedTo && ` · linked to ${c.linkedTo}`}{c.keptForeign && ' · stays foreign'}</Text>
            </div>
            {may.editAll && !c.linkedTo && (
              <Group gap={6}>
                <Button size="compact-xs" variant="default" disabled={busy} aria-label={`This one: link ${o.object.name} to ${c.name} (${c.remoteId})`} onClick={() => link.mutate({ user: o.object.id, remote: c.remoteId })}>This one</Button>
                {c.keptForeign
                  ? <Button size="compact-xs" variant="subtle" disabled={busy} aria-label={`May be adopted: ${c.name} (${c.remoteId})`} onClick={() => release.mutate(c.remoteId)}>May be adopted</Button>
                  : <Button size="compact-xs" variant="subtle" color="gray" disabled={busy} aria-label={`Keep foreign: ${c.name} (${c.remoteId})`} onClick={() => keep.mutate(c.remoteId)}>Keep foreign</Button>}
              </Group>
            )}
          </Group>
        </Paper>
      ))}
      {link.error && <Failed error={link.error} title="It was not linked" />}
    </Stack>
  );
}

/** Chooses whose a foreign account is. */
export function LinkAccount({ account, store, onClose }: { account: Candidate | undefined; store: string; onClose: () => void }) {
  const [text, setText] = useState('');
  const [user, setUser] = useState<string | null>(null);
  const [settled] = useDebouncedValue(text, 200);
  const close = () => { setText(''); setUser(null); link.reset(); onClose(); };
  const { link } = useWhose(store, () => close());
  const words = quoted(settled);
  const found = useMatching(settled ? `username co ${words} or email co ${words} or name.given co ${words} or name.family co ${words}` : '', account !== undefined);
  return (
    <Modal opened={account !== undefined} onClose={close} title={<Text fw={650}>Whose account is {account?.name}?</Text>}>
      <Stack>
        <Text size="sm">Lockstep links it to the person you choose, and keeps it in step from then on. It must be nobody else’s.</Text>
        <Select
          label="Person" placeholder="Search by name, username or e-mail" searchable value={user} onChange={setUser} searchValue={text} onSearchChange={setText} data-autofocus
          filter={({ options }) => options} nothingFoundMessage={found.isFetching ? 'Searching…' : 'Nobody matches'} comboboxProps={{ withinPortal: true }}
          data={(found.data?._embedded.users ?? []).map((u) => ({ value: u.id, label: `${nameOf(u)} (${u.username})` }))}
        />
        {account && !account.active && <Alert color="yellow">The account is not active. It becomes active if the person is enabled and a rule covers them.</Alert>}
        {link.error && <Failed error={link.error} title="It was not linked" />}
        <Group justify="flex-end"><Button variant="default" onClick={close}>Cancel</Button><Button disabled={!user} loading={link.isPending} onClick={() => account && user && link.mutate({ user, remote: account.remoteId })}>Link</Button></Group>
      </Stack>
    </Modal>
  );
}

export const KeptForeign = () => <Status label="Stays foreign" color="gray" dot={false} help="An administrator said so: it is not adopted, whoever’s identifier it holds." />;
