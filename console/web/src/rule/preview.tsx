import { Alert, Box, Button, Group, Paper, SimpleGrid, Stack, Text, UnstyledButton } from '@mantine/core';
import { IconEye, IconHandStop, IconRefresh } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { cursorOf, get, post, query, sentence } from '../api';
import { isMissing } from '../data';
import { foreseenGroups, number, plural } from '../text';
import type { Foreseen, ForeseenGroup, Page, Preview, Summary } from '../types';
import { Ago, Changes, Empty, Failed, GroupBadge, List, Loading, Search, Status } from '../ui/parts';
import { Candidates } from '../ui/whose';

const page = 50;

/** What is previewed: a rule, or all active rules of a connection. */
export type Subject = { rule: string; store: string } | { rule?: undefined; store: string };

const pathOf = (s: Subject) => (s.rule ? `/propagation/rules/${s.rule}/preview` : `/propagation/stores/${s.store}/preview`);

/**
 * A preview is made once and kept by the server; looking again makes a new one. overwriteExisting is part of it: agreed to, groups that are
 * on the target already are overwritten by what it shows, and by its publication.
 */
export const usePreview = (s: Subject, overwriteExisting = false) =>
  useQuery({
    queryKey: ['preview', pathOf(s), overwriteExisting], staleTime: Infinity, gcTime: 0, retry: false, refetchOnWindowFocus: false,
    queryFn: () => post<Preview>(pathOf(s) + query({ limit: 1 }), overwriteExisting ? { overwriteExisting } : undefined),
  });

const countOf = (s: Summary): Record<ForeseenGroup, number> => ({
  CREATE: s.create, UPDATE: s.update, ENABLE: s.enable, DISABLE: s.disable, DELETE: s.delete, WITHHELD: s.withheld,
  LINK: s.link, AMBIGUOUS: s.ambiguous, FAILED: s.failed, FOREIGN: s.foreign,
});

/** What would be done now, operation by operation. Nothing is written by looking. */
export function PreviewPanel({ of, preview: q }: { of: Subject; preview: ReturnType<typeof usePreview> }) {
  const [group, setGroup] = useState<ForeseenGroup>();
  const [text, setText] = useState('');
  if (isMissing(q) && !q.isFetching) return <Failed error={q.error} again={() => void q.refetch()} title="The preview could not be made" />;
  if (!q.data || q.isFetching) return <Stack><Text size="sm" c="dimmed" role="status">Looking at everybody…</Text><Loading rows={5} /></Stack>;
  const p = q.data;
  const s = p.summary;
  const counts = countOf(s);
  const total = s.create + s.update + s.enable + s.disable + s.delete;
  const now = total - s.held;
  const members = s.memberAdd + s.memberRemove > 0;
  // Always there, so that a zero says something; the others only when there are any.
  const shown = (Object.keys(foreseenGroups) as ForeseenGroup[]).filter((g) => foreseenGroups[g].always || counts[g] > 0);
  const tiles = shown.length + (members ? 3 : 1);
  return (
    <Stack>
      {q.error && <Failed error={q.error} again={() => void q.refetch()} title="Nothing newer could be made: this is the preview from before" />}
      <Group justify="space-between" gap="sm">
        <Text size="sm" c="dimmed" maw={640}>
          {total === 0 ? 'Nothing would be written: everybody stands as the rule says.' : `${now === 0 ? 'Nothing' : plural(now, 'person or group', 'people and groups')} would be written at once${s.held > 0 ? `, and ${number(s.held)} after a decision` : ''}. Nothing is written by looking.`} Made <Ago at={p.createdAt} />.
        </Text>
        <Button variant="default" size="xs" leftSection={<IconRefresh size={14} />} onClick={() => void q.refetch()}>Look again</Button>
      </Group>
      <SimpleGrid cols={{ base: 2, xs: 3, md: tiles <= 7 ? tiles : Math.ceil(tiles / 2) }} spacing="sm">
        {shown.map((g) => {
          const { label, color, help } = foreseenGroups[g];
          return (
            <UnstyledButton key={g} className="tile" aria-label={`${label}: ${number(counts[g])}`} aria-pressed={group === g} disabled={counts[g] === 0} onClick={() => setGroup(group === g ? undefined : g)} p="sm" style={{ cursor: counts[g] ? 'pointer' : 'default' }} data-count={label} title={help}>
              <Tile label={label} n={counts[g]} color={color} />
            </UnstyledButton>
          );
        })}
        <Box className="tile" p="sm" data-count="Left alone"><Tile label="Left alone" n={s.unchanged} /></Box>
        {members && <Box className="tile" p="sm" data-count="Put in groups"><Tile label="Put in groups" n={s.memberAdd} /></Box>}
        {members && <Box className="tile" p="sm" data-count="Taken out of groups"><Tile label="Taken out of groups" n={s.memberRemove} color="red" /></Box>}
      </SimpleGrid>
      <Warnings preview={p} />
      {p.id && total + s.withheld + s.link + s.ambiguous + s.failed + s.foreign > 0 ? (
        <>
          <Group gap="sm">
            <Search value={text} onChange={setText} label="Search the preview" placeholder="Search by name, reason or value" />
            {group && <Button variant="subtle" size="xs" onClick={() => setGroup(undefined)}>Show everything</Button>}
          </Group>
          <Items preview={p} group={group} text={text} store={of.store} again={() => void q.refetch()} />
        </>
      ) : (
        <Paper><Empty icon={<IconEye size={36} stroke={1.3} />} title="Nothing to do">{s.unchanged > 0 ? `${plural(s.unchanged, 'person stands', 'people stand')} as the rule says.` : 'The rule covers nobody.'}</Empty></Paper>
      )}
    </Stack>
  );
}

function Tile({ label, n, color }: { label: string; n: number; color?: string }) {
  return (
    <>
      <Text size="xs" c="dimmed" fw={600} component="span" display="block">{label}</Text>{' '}
      <Text fz={22} fw={650} className="numbers" component="span" display="block" c={n > 0 && (color === 'red' || color === 'orange') ? `light-dark(var(--mantine-color-${color}-9), var(--mantine-color-${color}-3))` : undefined}>{number(n)}</Text>
    </>
  );
}

/** What somebody should know before they go on. */
function Warnings({ preview: p }: { preview: Preview }) {
  const s = p.summary;
  const lost = s.disable - s.held;
  return (
    <>
      {lost > 0 && <Loss preview={p} group="DISABLE" count={lost} title={`${plural(lost, 'person loses', 'people lose')} access`} />}
      {s.delete > 0 && <Loss preview={p} group="DELETE" count={s.delete} title={`${plural(s.delete, 'group is', 'groups are')} deleted`} />}
      {p.guard && <Alert color="orange" icon={<IconHandStop aria-hidden />} title={`${plural(s.held, 'deactivation', 'deactivations')} will be held`}><Text size="sm" className="wrap">{sentence(p.guard)} Everything else goes on.</Text></Alert>}
      {s.ambiguous > 0 && <Alert color="orange" title={`Whose account is it? ${plural(s.ambiguous, 'person is', 'people are')} left alone until that is said`}><Text size="sm">Nobody guesses. Choose the account, or say that it stays foreign: see “{foreseenGroups.AMBIGUOUS.label}”.</Text></Alert>}
      {p.unasked && <Alert color="yellow" title="The target could not be asked"><Text size="sm" className="wrap">{sentence(p.unasked)} Some of those who would be created may have an account already; then it is linked instead.</Text></Alert>}
      {p.others.length > 0 && (
        <Alert color="yellow" title="Publishing publishes more than this preview shows">
          <Text size="sm" className="wrap">{p.others.slice(0, 5).map(sentence).join(' ')}{p.others.length > 5 && ` And ${number(p.others.length - 5)} more.`} Preview the connection, or the other rules, to see what they do.</Text>
        </Alert>
      )}
    </>
  );
}

function Loss({ preview, group, count, title }: { preview: Preview; group: ForeseenGroup; count: number; title: string }) {
  const q = useQuery({ queryKey: ['foreseen', preview.id, 'first', group], queryFn: ({ signal }) => get<Page<'operations', Foreseen>>(`/propagation/previews/${preview.id}/operations${query({ group, limit: 5 })}`, signal).then((x) => x._embedded.operations) });
  const names = (q.data ?? []).filter((o) => !o.held).map((o) => o.object.name);
  return <Alert color="red" title={title}>{names.join(', ') || '…'}{count > names.length ? ` and ${number(count - names.length)} more.` : '.'} Look at the list before you go on.</Alert>;
}

function Items({ preview, group, text, store, again }: { preview: Preview; group?: ForeseenGroup; text: string; store: string; again: () => void }) {
  const path = `/propagation/previews/${preview.id}/operations`;
  const q = useInfiniteQuery({
    queryKey: ['foreseen', preview.id, group, text], initialPageParam: '', retry: false, refetchOnWindowFocus: false,
    queryFn: ({ pageParam, signal }) => get<Page<'operations', Foreseen>>(path + query({ group, text, limit: page, cursor: pageParam }), signal),
    getNextPageParam: (last) => cursorOf(last._links),
  });
  const rows = q.data?.pages.flatMap((p) => p._embedded.operations) ?? [];
  return (
    <List<Foreseen>
      label="Operations" rows={rows} rowKey={(o) => o.group + o.object.id + o.remoteId} loading={q.isLoading} error={q.error} again={again}
      empty={<Empty icon={<IconEye size={36} stroke={1.3} />} title="Nothing matches">Try another name, reason or value.</Empty>}
      more={q.hasNextPage ? () => void q.fetchNextPage() : undefined} moreLoading={q.isFetchingNextPage}
      columns={[
        { label: 'Who', cell: (o) => <Stack gap={6} align="flex-start"><Who of={o} /><Box hiddenFrom="sm"><What of={o} /></Box></Stack> },
        { label: 'What', width: 130, wide: true, cell: (o) => <What of={o} /> },
        { label: 'Why and what differs', cell: (o) => (
          <Box>
            <Text size="sm" className="wrap">{sentence(o.why)}</Text>
            {o.withheld && <Text size="sm" c="dimmed" className="wrap">{sentence(o.withheld)}</Text>}
            <Changes changes={o.changes} limit={4} />
            <Members label="Puts in" names={o.members.add} />
            <Members label="Takes out" names={o.members.remove} />
            <Candidates of={o} store={store} onDecided={again} />
          </Box>
        ) },
      ]}
    />
  );
}

function Who({ of: o }: { of: Foreseen }) {
  if (o.kind === 'GROUP') return <Group gap={6}>{o.object.id ? <Link to={`/directory/groups/${o.object.id}`}><Text span size="sm">{o.object.name}</Text></Link> : <Text span size="sm">{o.object.name}</Text>}<GroupBadge /></Group>;
  if (!o.object.id) return <Text size="sm" className="wrap">{o.object.name} <Text span size="xs" c="dimmed">account</Text></Text>;
  return <Link to={`/directory/users/${o.object.id}`}><Text span size="sm">{o.object.name}</Text></Link>;
}

function What({ of: o }: { of: Foreseen }) {
  if (o.held) return <Status label="Held" color="orange" help="The guard holds it until an administrator decides." />;
  const { verb, color, help } = foreseenGroups[o.group];
  return <Status label={verb} color={color} help={o.withheld ? sentence(o.withheld) : help} />;
}

/** Who is put into a group, or taken out. */
function Members({ label, names }: { label: string; names: string[] }) {
  if (names.length === 0) return null;
  return <Text size="xs" className="wrap">{label} {names.slice(0, 8).join(', ')}{names.length > 8 && ` and ${number(names.length - 8)} more`}</Text>;
}

