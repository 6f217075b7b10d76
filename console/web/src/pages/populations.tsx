import { ActionIcon, Badge, Button, Checkbox, Group, Modal, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { IconPencil, IconPlus, IconTrash, IconUsersGroup } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'react-router';
import { ApiError, post, put, remove } from '../api';
import { useAct, usePopulations } from '../data';
import { useMay } from '../session';
import { number, plural } from '../text';
import type { Population } from '../types';
import { Confirm, Empty, Failed, List, PageHead } from '../ui/parts';

const stale = [['populations'], ['users'], ['activities']];

export default function Populations() {
  const may = useMay();
  const q = usePopulations();
  const [editing, setEditing] = useState<Partial<Population>>();
  const [deleting, setDeleting] = useState<Population>();
  const del = useAct((p: Population) => remove('/populations/' + p.id).then(() => setDeleting(undefined)), stale);
  return (
    <>
      <PageHead title="Populations" actions={may.editDirectory && <Button leftSection={<IconPlus size={16} />} onClick={() => setEditing({})}>Add population</Button>}>
        Everybody is in exactly one population. Rules can take whole populations.
      </PageHead>
      <List<Population>
        label="Populations" rows={q.data ?? []} rowKey={(p) => p.id} loading={q.isLoading} error={q.error} again={() => void q.refetch()} empty={<Empty icon={<IconUsersGroup size={40} stroke={1.3} />} title="No population" />}
        columns={[
          { label: 'Name', cell: (p) => <><Group gap="xs"><Text size="sm" fw={550}>{p.name}</Text>{p.default && <Badge variant="default" size="sm" tt="none" radius="sm">Default</Badge>}</Group>{p.description && <Text size="xs" c="dimmed">{p.description}</Text>}</> },
          { label: 'Users', align: 'right', width: 120, cell: (p) => <Link to={`/directory/users?population=${p.id}`} aria-label={`${plural(p.userCount, 'user')} of ${p.name}`}>{number(p.userCount)}</Link> },
          ...(may.editDirectory ? [{ label: 'Edit', width: 90, cell: (p: Population) => (
            <Group gap={2} wrap="nowrap">
              <ActionIcon variant="subtle" color="gray" aria-label={`Edit ${p.name}`} onClick={() => setEditing(p)}><IconPencil size={16} /></ActionIcon>
              <ActionIcon variant="subtle" color="gray" aria-label={`Delete ${p.name}`} disabled={p.default || p.userCount > 0} onClick={() => { del.reset(); setDeleting(p); }}><IconTrash size={16} /></ActionIcon>
            </Group>
          ) }] : []),
        ]}
      />
      {editing && <Edit population={editing} onClose={() => setEditing(undefined)} />}
      <Confirm opened={deleting !== undefined} onClose={() => setDeleting(undefined)} title={`Delete ${deleting?.name}?`} action="Delete population" onConfirm={() => deleting && del.mutate(deleting)} loading={del.isPending} error={del.error}>Nobody is in it. Rules that name it cover nobody by that name any more.</Confirm>
    </>
  );
}

function Edit({ population: p, onClose }: { population: Partial<Population>; onClose: () => void }) {
  const [name, setName] = useState(p.name ?? '');
  const [description, setDescription] = useState(p.description ?? '');
  const [isDefault, setDefault] = useState(p.default ?? false);
  const save = useAct(async () => { const body = { name, description, default: isDefault }; await (p.id ? put('/populations/' + p.id, body) : post('/populations', body)); onClose(); }, stale);
  const error = save.error instanceof ApiError ? save.error : undefined;
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>{p.id ? 'Edit population' : 'Add population'}</Text>}>
      <form onSubmit={(e) => { e.preventDefault(); save.mutate(undefined); }}>
        <Stack>
          <TextInput label="Name" required value={name} onChange={(e) => setName(e.currentTarget.value)} error={error?.at('name')} data-autofocus />
          <Textarea label="Description" value={description} onChange={(e) => setDescription(e.currentTarget.value)} error={error?.at('description')} autosize minRows={2} />
          <Checkbox label="New people go here when nothing else is said" checked={isDefault} disabled={p.default} onChange={(e) => setDefault(e.currentTarget.checked)} />
          {save.error && !error?.at('name', 'description') && <Failed error={save.error} title="It was not saved" />}
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={save.isPending}>Save</Button></Group>
        </Stack>
      </form>
    </Modal>
  );
}
