import { Alert, Box, Button, Center, Group, Paper, SimpleGrid, Stack, Text, UnstyledButton } from '@mantine/core';
import { IconEye, IconRefresh } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { Link } from 'react-router';
import { cursorOf, post, query, sentence } from '../api';
import { isMissing } from '../data';
import { number, plural, verbs } from '../text';
import type { Operation, Preview } from '../types';
import { Changes, Empty, Failed, GroupBadge, List, Loading, Search, Status } from '../ui/parts';

const page = 1000;

/** What the rule would do now, operation by operation. Nothing is written by looking. */
export function PreviewPanel({ ruleId }: { ruleId: string }) {
  const q = useInfiniteQuery({
    queryKey: ['preview', ruleId], initialPageParam: '', staleTime: 0, gcTime: 0, refetchOnWindowFocus: false,
    queryFn: ({ pageParam }) => post<Preview>(`/propagation/rules/${ruleId}/preview${query({ limit: page, cursor: pageParam })}`),
    getNextPageParam: (last) => cursorOf(last._links),
  });
  const [verb, setVerb] = useState<string>();
  const [text, setText] = useState('');
  const [shownRows, setShown] = useState(50);
  const operations = useMemo(() => q.data?.pages.flatMap((p) => p._embedded.operations) ?? [], [q.data]);
  const needle = text.toLowerCase();
  const found = operations.filter(
    (o) => (!verb || (verb === 'WITHHELD' ? o.withheld : o.verb === verb && !o.withheld)) &&
      (!needle || o.object.name.toLowerCase().includes(needle) || o.why.toLowerCase().includes(needle) || [...o.members.add, ...o.members.remove].some((m) => m.toLowerCase().includes(needle)) || o.changes.some((c) => (c.attribute + ' ' + String(c.from) + ' ' + String(c.to)).toLowerCase().includes(needle))),
  );
  if (isMissing(q)) return <Failed error={q.error} again={() => void q.refetch()} title="The preview could not be made" />;
  if (!q.data) return <Stack><Text size="sm" c="dimmed">Looking at everybody…</Text><Loading rows={5} /></Stack>;
  const s = q.data.pages[0].summary;
  const groups = s.memberAdd + s.memberRemove + s.delete > 0 || operations.some((o) => o.kind === 'GROUP');
  const cards: [string, number, string | undefined, string][] = [
    ['Created', s.create, 'create', 'teal'], ['Changed', s.update, 'update', 'blue'], ['Enabled', s.enable, 'enable', 'teal'], ['Disabled', s.disable, 'disable', 'red'],
    ...(s.delete ? [['Deleted', s.delete, 'delete', 'red'] as [string, number, string, string]] : []), ['Left alone', s.unchanged, undefined, 'gray'],
    ...(groups ? [['Put in groups', s.memberAdd, undefined, 'gray'], ['Taken out of groups', s.memberRemove, undefined, 'red']] as [string, number, undefined, string][] : []), ['Withheld', s.withheld, 'WITHHELD', 'orange'],
  ];
  const named = (v: Operation['verb']) => operations.filter((o) => o.verb === v && !o.withheld).slice(0, 5).map((o) => o.object.name);
  const total = s.create + s.update + s.enable + s.disable + s.delete;
  return (
    <Stack>
      <Group justify="space-between" gap="sm">
        <Text size="sm" c="dimmed" maw={640}>{total === 0 ? 'Nothing would be written: everybody stands as the rule says.' : `${groups ? plural(total, 'person or group', 'people and groups') : plural(total, 'account')} would be written. Nothing is written by looking.`}</Text>
        <Button variant="default" size="xs" leftSection={<IconRefresh size={14} />} onClick={() => void q.refetch()} loading={q.isRefetching}>Look again</Button>
      </Group>
      <SimpleGrid cols={{ base: 2, xs: 3, md: cards.length > 6 ? 4 : cards.length }} spacing="sm">
        {cards.map(([label, n, v, color]) => (
          <UnstyledButton key={label} className="tile" aria-label={`${label}: ${number(n)}`} aria-pressed={v !== undefined && verb === v} disabled={!v || n === 0} onClick={() => setVerb(verb === v ? undefined : v)} p="sm" style={{ cursor: v && n ? 'pointer' : 'default' }} data-count={label}>
            <Text size="xs" c="dimmed" fw={600}>{label}</Text>
            <Text fz={22} fw={650} className="numbers" c={n > 0 && (color === 'red' || color === 'orange') ? `light-dark(var(--mantine-color-${color}-9), var(--mantine-color-${color}-3))` : undefined}>{number(n)}</Text>
          </UnstyledButton>
        ))}
      </SimpleGrid>
      {s.disable > 0 && <Loss title={`${plural(s.disable, 'person loses', 'people lose')} access`} names={named('disable')} count={s.disable} />}
      {s.delete > 0 && <Loss title={`${plural(s.delete, 'group is', 'groups are')} deleted`} names={named('delete')} count={s.delete} />}
      {operations.length > 0 && (
        <>
          <Search value={text} onChange={(t) => { setText(t); setShown(50); }} label="Search the preview" placeholder="Search by name, reason or value" />
          <List<Operation>
            label="Operations" rows={found.slice(0, shownRows)} rowKey={(o) => o.object.id + o.verb + o.remoteId} empty={<Empty icon={<IconEye size={36} stroke={1.3} />} title={q.hasNextPage ? `Nothing among the first ${number(operations.length)} operations matches` : 'No operation matches'}>{q.hasNextPage && 'Load the next ones below.'}</Empty>}
            more={found.length > shownRows ? () => setShown(shownRows + 100) : undefined}
            columns={[
              { label: groups ? 'Person or group' : 'Person', cell: (o) => o.kind === 'GROUP' ? <Group gap={6}><Link to={`/directory/groups/${o.object.id}`}><Text span size="sm">{o.object.name}</Text></Link><GroupBadge /></Group> : <Link to={`/directory/users/${o.object.id}`}><Text span size="sm">{o.object.name}</Text></Link> },
              { label: 'What', width: 120, cell: (o) => <Status label={o.withheld ? 'Withheld' : verbs[o.verb]?.label ?? o.verb} color={o.withheld ? 'orange' : verbs[o.verb]?.color} help={o.withheld ? sentence(o.withheld) : undefined} /> },
              { label: 'Why and what differs', cell: (o) => (
                <Box>
                  <Text size="sm" className="wrap">{sentence(o.why)}</Text>
                  {o.withheld && <Text size="sm" c="dimmed" className="wrap">{sentence(o.withheld)}</Text>}
                  <Changes changes={o.changes} limit={4} />
                  <Members label="Puts in" names={o.members.add} />
                  <Members label="Takes out" names={o.members.remove} />
                </Box>
              ) },
            ]}
          />
          {q.hasNextPage && <Center><Button variant="default" onClick={() => void q.fetchNextPage()} loading={q.isFetchingNextPage}>Load the next {number(page)} operations</Button></Center>}
        </>
      )}
      {operations.length === 0 && <Paper><Empty icon={<IconEye size={36} stroke={1.3} />} title="Nothing to do">{s.unchanged > 0 ? `${plural(s.unchanged, 'person stands', 'people stand')} as the rule says.` : 'The rule covers nobody.'}</Empty></Paper>}
    </Stack>
  );
}

function Loss({ title, names, count }: { title: string; names: string[]; count: number }) {
  const rest = number(count - names.length);
  return <Alert color="red" title={title}>{names.join(', ')}{count === names.length ? '.' : names.length > 0 ? ` and ${rest} more.` : 'They come further down the list.'} Look at the list before you go on.</Alert>;
}

/** Who is put into a group, or taken out. */
function Members({ label, names }: { label: string; names: string[] }) {
  if (names.length === 0) return null;
  return <Text size="xs" className="wrap">{label} {names.slice(0, 8).join(', ')}{names.length > 8 && ` and ${number(names.length - 8)} more`}</Text>;
}
