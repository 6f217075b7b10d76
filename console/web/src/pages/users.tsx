import { Avatar, Button, Group, Select, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconFileImport, IconPlus, IconUsers } from '@tabler/icons-react';
import { lazy, Suspense, useMemo } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { quoted } from '../api';
import { usePages, usePopulations } from '../data';
import { useMay } from '../session';
import { initials } from '../shell';
import { nameOf, plural } from '../text';
import type { User } from '../types';
import { Empty, List, PageHead, Search, Status } from '../ui/parts';
import { searchFilter } from '../ui/pickers';
import { UserForm } from '../ui/userform';

const Import = lazy(() => import('../ui/import'));

export default function Users() {
  const may = useMay();
  const navigate = useNavigate();
  const populations = usePopulations();
  const [parameters, setParameters] = useSearchParams();
  const [adding, adds] = useDisclosure();
  const [importing, imports] = useDisclosure();
  const text = parameters.get('q') ?? '';
  const population = parameters.get('population');
  const enabled = parameters.get('enabled');
  const set = (name: string, v: string | null) => setParameters((old) => { const next = new URLSearchParams(old); if (v) next.set(name, v); else next.delete(name); return next; }, { replace: true });
  const filter = useMemo(() => {
    const parts = [text.trim() && (/ (eq|ne|co|sw|ew|gt|ge|lt|le) | pr\b/.test(text) ? `(${text})` : `(${searchFilter(text)})`), population && `population.id eq ${quoted(population)}`, enabled && `enabled eq ${enabled}`].filter(Boolean);
    return parts.join(' and ');
  }, [text, population, enabled]);
  const q = usePages<'users', User>(['users', 'list'], '/users', 'users', { filter, limit: 50 });
  const names = new Map(populations.data?.map((p) => [p.id, p.name]));
  const narrowed = filter !== '';
  return (
    <>
      <PageHead
        title="Users"
        actions={may.editDirectory && (
          <>
            <Button variant="default" leftSection={<IconFileImport size={16} />} onClick={imports.open}>Import</Button>
            <Button leftSection={<IconPlus size={16} />} onClick={adds.open}>Add user</Button>
          </>
        )}
      />
      <Group mb="md" gap="sm">
        <Search value={text} onChange={(v) => set('q', v)} label="Search users" placeholder="Name, e-mail, or a filter such as title sw &quot;Lead&quot;" width={340} />
        <Select aria-label="Population" placeholder="Any population" clearable searchable data={populations.data?.map((p) => ({ value: p.id, label: p.name })) ?? []} value={population} onChange={(v) => set('population', v)} w={{ base: '100%', xs: 190 }} />
        <Select aria-label="Enabled" placeholder="Enabled or not" clearable data={[{ value: 'true', label: 'Enabled' }, { value: 'false', label: 'Disabled' }]} value={enabled} onChange={(v) => set('enabled', v)} w={{ base: '100%', xs: 160 }} />
        <Text size="sm" c="dimmed" aria-live="polite" className="numbers">{q.count === undefined ? '' : plural(q.count, narrowed ? 'match' : 'user', narrowed ? 'matches' : 'users')}</Text>
      </Group>
      <List<User>
        label="Users" rows={q.rows} rowKey={(u) => u.id} to={(u) => '/directory/users/' + u.id} loading={q.isLoading} error={q.error} again={() => void q.refetch()} stale={q.isPlaceholderData}
        more={q.hasNextPage ? () => void q.fetchNextPage() : undefined} moreLoading={q.isFetchingNextPage}
        empty={narrowed ? <Empty title="Nobody matches">Try another name, or clear the search.</Empty> : (
          <Empty icon={<IconUsers size={40} stroke={1.3} />} title="The directory is empty" action={may.editDirectory && <Button onClick={imports.open}>Import a CSV file</Button>}>Import your people from a file, add them one by one, or have another system write them through the API.</Empty>
        )}
        columns={[
          { label: 'Name', cell: (u) => (
            <Group gap="sm" wrap="nowrap">
              <Avatar size={30} radius="xl" color="lagoon" visibleFrom="xs" aria-hidden>{initials(nameOf(u))}</Avatar>
              <div>
                <Text component={Link} to={'/directory/users/' + u.id} size="sm" fw={550} c="inherit" td="none">{nameOf(u)}</Text>
                <Text size="xs" c="dimmed">{u.username}</Text>
              </div>
            </Group>
          ) },
          { label: 'E-mail', wide: true, cell: (u) => <Text size="sm" className="wrap">{u.email}</Text> },
          { label: 'Title', wide: true, cell: (u) => <Text size="sm">{u.title}</Text> },
          { label: 'Population', wide: true, cell: (u) => <Text size="sm">{names.get(u.population.id)}</Text> },
          { label: 'Status', width: 110, cell: (u) => <Status label={u.enabled ? 'Enabled' : 'Disabled'} color={u.enabled ? 'teal' : 'gray'} /> },
        ]}
      />
      <UserForm opened={adding} onClose={adds.close} onSaved={(u) => void navigate('/directory/users/' + u.id)} />
      {importing && <Suspense fallback={null}><Import of="users" onClose={imports.close} /></Suspense>}
    </>
  );
}
