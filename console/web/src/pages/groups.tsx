import { Avatar, Button, Group as Row, Select, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconFileImport, IconFilter, IconPlus, IconUsersGroup } from '@tabler/icons-react';
import { lazy, Suspense } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { quoted } from '../api';
import { usePages, usePopulations } from '../data';
import { useMay } from '../session';
import { groupKind, number, plural } from '../text';
import type { Group } from '../types';
import { Ago, Empty, List, PageHead, Search, Status } from '../ui/parts';
import { GroupForm } from '../ui/groupform';

const Import = lazy(() => import('../ui/import'));

export function GroupIcon({ group, size = 30 }: { group: Group; size?: number }) {
  const Icon = group.userFilter ? IconFilter : IconUsersGroup;
  return <Avatar size={size} radius="md" color="lagoon" aria-hidden><Icon size={size * 0.58} stroke={1.7} /></Avatar>;
}

export default function Groups() {
  const may = useMay();
  const navigate = useNavigate();
  const populations = usePopulations();
  const [parameters, setParameters] = useSearchParams();
  const [adding, adds] = useDisclosure();
  const [importing, imports] = useDisclosure();
  const value = (name: string) => parameters.get(name) ?? '';
  const set = (name: string, v: string | null) => setParameters((old) => { const next = new URLSearchParams(old); if (v) next.set(name, v); else next.delete(name); return next; }, { replace: true });
  const filter = [
    value('q').trim() && `name co ${quoted(value('q').trim())}`, value('kind') === 'dynamic' && 'userFilter pr', value('kind') === 'static' && 'not (userFilter pr)',
    value('population') === 'none' ? 'not (population.id pr)' : value('population') && `population.id eq ${quoted(value('population'))}`,
  ].filter(Boolean).join(' and ');
  const q = usePages<'groups', Group>(['groups', 'list'], '/groups', 'groups', { filter, include: 'totalMemberCounts', limit: 50 });
  const names = new Map(populations.data?.map((p) => [p.id, p.name]));
  return (
    <>
      <PageHead
        title="Groups"
        actions={may.editDirectory && (
          <>
            <Button variant="default" leftSection={<IconFileImport size={16} />} onClick={imports.open}>Import</Button>
            <Button leftSection={<IconPlus size={16} />} onClick={adds.open}>Add group</Button>
          </>
        )}
      >
        People are in a group because they were put in, match its filter, or are in a group that is nested in it. Rules can take groups to a target.
      </PageHead>
      <Row mb="md" gap="sm">
        <Search value={value('q')} onChange={(v) => set('q', v)} label="Search Group Name" />
        <Select aria-label="Kind of group" placeholder="Any kind" clearable data={[{ value: 'static', label: 'Static' }, { value: 'dynamic', label: 'Dynamic' }]} value={value('kind') || null} onChange={(v) => set('kind', v)} w={{ base: '100%', xs: 150 }} />
        <Select aria-label="Population" placeholder="Any population" clearable searchable data={[{ value: 'none', label: 'The whole environment' }, ...(populations.data ?? []).map((p) => ({ value: p.id, label: p.name }))]} value={value('population') || null} onChange={(v) => set('population', v)} w={{ base: '100%', xs: 200 }} />
        <Text size="sm" c="dimmed" aria-live="polite" className="numbers">{q.count === undefined ? '' : plural(q.count, filter ? 'match' : 'group', filter ? 'matches' : 'groups')}</Text>
      </Row>
      <List<Group>
        label="Groups" rows={q.rows} rowKey={(g) => g.id} to={(g) => '/directory/groups/' + g.id} loading={q.isLoading} error={q.error} again={() => void q.refetch()} stale={q.isPlaceholderData}
        more={q.hasNextPage ? () => void q.fetchNextPage() : undefined} moreLoading={q.isFetchingNextPage}
        empty={filter ? <Empty title="No group matches">Try another name, or clear the search.</Empty> : (
          <Empty icon={<IconUsersGroup size={40} stroke={1.3} />} title="No group yet" action={may.editDirectory && <Button onClick={adds.open}>Add group</Button>}>A group brings people together for rules and for targets: a team, a department, everybody with a title.</Empty>
        )}
        columns={[
          { label: 'Name', whole: true, cell: (g) => (
            <Row gap="sm" wrap="nowrap">
              <GroupIcon group={g} />
              <div>
                <Text component={Link} to={'/directory/groups/' + g.id} size="sm" fw={550} c="inherit" td="none">{g.name}</Text>
                {g.description && <Text size="xs" c="dimmed" lineClamp={1}>{g.description}</Text>}
              </div>
            </Row>
          ) },
          { label: 'Kind', width: 120, wide: true, cell: (g) => <Status of={groupKind(g)} dot={false} /> },
          { label: 'Members', width: 110, align: 'right', cell: (g) => <Text size="sm" span className="numbers">{number(g.totalMemberCounts?.users ?? g.directMemberCounts.users)}</Text> },
          { label: 'Population', wide: true, width: 190, cell: (g) => <Text size="sm" className="truncate" c={g.population ? undefined : 'dimmed'}>{g.population ? names.get(g.population.id) : 'The whole environment'}</Text> },
          { label: 'Updated', wide: true, width: 140, cell: (g) => <Text size="sm"><Ago at={g.updatedAt} /></Text> },
        ]}
      />
      {adding && <GroupForm onClose={adds.close} onSaved={(g) => void navigate('/directory/groups/' + g.id)} />}
      {importing && <Suspense fallback={null}><Import of="groups" onClose={imports.close} /></Suspense>}
    </>
  );
}
