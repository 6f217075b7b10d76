import { ActionIcon, Badge, Button, Checkbox, Group, Modal, Select, Stack, Text, TextInput } from '@mantine/core';
import { IconPencil, IconPlus, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { ApiError, get, post, put, remove } from '../api';
import { useAct, useAttributes } from '../data';
import { useMay } from '../session';
import type { Attribute, Page } from '../types';
import { AttributeName, Confirm, Empty, Failed, List, PageHead, Search } from '../ui/parts';

const stale = [['attributes'], ['users'], ['activities']];
const types = [{ value: 'STRING', label: 'Text' }, { value: 'BOOLEAN', label: 'Yes or no' }, { value: 'INTEGER', label: 'Whole number' }, { value: 'JSON', label: 'JSON' }];
const kinds = { CORE: 'Core', STANDARD: 'Standard', CUSTOM: 'Custom' };

export default function Attributes() {
  const may = useMay();
  const q = useAttributes();
  const [text, setText] = useState('');
  const [editing, setEditing] = useState<Partial<Attribute>>();
  const [deleting, setDeleting] = useState<Attribute>();
  const del = useAct((a: Attribute) => remove(`/schemas/${a.schema.id}/attributes/${a.id}`).then(() => setDeleting(undefined)), stale);
  const needle = text.toLowerCase();
  const rows = (q.data ?? []).filter((a) => !needle || a.name.toLowerCase().includes(needle) || a.displayName?.toLowerCase().includes(needle)).sort((a, b) => Number(b.schemaType === 'CUSTOM') - Number(a.schemaType === 'CUSTOM'));
  return (
    <>
      <PageHead title="Attributes" actions={may.editDirectory && <Button leftSection={<IconPlus size={16} />} onClick={() => setEditing({})}>Add attribute</Button>}>What is known about a person. Filters, mappings and imports use these names.</PageHead>
      <Group mb="md"><Search value={text} onChange={setText} label="Search attributes" /></Group>
      <List<Attribute>
        label="Attributes" rows={rows} rowKey={(a) => a.id} loading={q.isLoading} error={q.error} again={() => void q.refetch()} empty={<Empty title="No attribute matches" />}
        columns={[
          { label: 'Name', cell: (a) => <><Text size="sm" fw={550} style={{ overflowWrap: 'normal' }}><AttributeName name={a.name} /></Text><Text size="xs" c="dimmed">{a.displayName}{a.description ? ` · ${a.description}` : ''}</Text></> },
          { label: 'Type', width: 130, cell: (a) => <Text size="sm">{types.find((t) => t.value === a.type)?.label ?? (a.type === 'DATETIME' ? 'Time' : a.type)}{a.multiValued ? ', several' : ''}</Text> },
          { label: 'Kind', width: 110, wide: true, cell: (a) => <Badge variant={a.schemaType === 'CUSTOM' ? 'light' : 'default'} tt="none" radius="sm" size="sm">{kinds[a.schemaType]}</Badge> },
          { label: 'Options', wide: true, width: 150, cell: (a) => <Text size="sm" c="dimmed">{[a.required && 'required', a.unique && 'unique'].filter(Boolean).join(', ')}</Text> },
          ...(may.editDirectory ? [{ label: 'Edit', width: 90, cell: (a: Attribute) => a.schemaType === 'CUSTOM' && (
            <Group gap={2} wrap="nowrap">
              <ActionIcon variant="subtle" color="gray" aria-label={`Edit ${a.name}`} onClick={() => setEditing(a)}><IconPencil size={16} /></ActionIcon>
              <ActionIcon variant="subtle" color="gray" aria-label={`Delete ${a.name}`} onClick={() => { del.reset(); setDeleting(a); }}><IconTrash size={16} /></ActionIcon>
            </Group>
          ) }] : []),
        ]}
      />
      {editing && <Edit attribute={editing} schema={q.data?.[0]?.schema.id} onClose={() => setEditing(undefined)} />}
      <Confirm opened={deleting !== undefined} onClose={() => setDeleting(undefined)} title={`Delete ${deleting?.name}?`} action="Delete attribute" onConfirm={() => deleting && del.mutate(deleting)} loading={del.isPending} error={del.error}>Its values are removed from everybody. A rule whose filter or mapping uses it stops changing anything until it is corrected; nobody is deprovisioned by that.</Confirm>
    </>
  );
}

function Edit({ attribute: a, schema, onClose }: { attribute: Partial<Attribute>; schema?: string; onClose: () => void }) {
  const [v, setV] = useState({ name: a.name ?? '', displayName: a.displayName ?? '', description: a.description ?? '', type: a.type ?? 'STRING', multiValued: a.multiValued ?? false, required: a.required ?? false, unique: a.unique ?? false });
  const save = useAct(async () => {
    const id = schema ?? (await get<Page<'schemas', { id: string }>>('/schemas'))._embedded.schemas[0].id;
    await (a.id ? put(`/schemas/${id}/attributes/${a.id}`, { displayName: v.displayName, description: v.description }) : post(`/schemas/${id}/attributes`, v));
    onClose();
  }, stale);
  const error = save.error instanceof ApiError ? save.error : undefined;
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>{a.id ? `Edit ${a.name}` : 'Add attribute'}</Text>}>
      <form onSubmit={(e) => { e.preventDefault(); save.mutate(undefined); }}>
        <Stack>
          {!a.id && <TextInput label="Name" description="Letters, digits and _; it cannot be changed later." required value={v.name} onChange={(e) => setV({ ...v, name: e.currentTarget.value })} error={error?.at('name')} data-autofocus />}
          <TextInput label="Shown as" value={v.displayName} onChange={(e) => setV({ ...v, displayName: e.currentTarget.value })} error={error?.at('displayName')} />
          <TextInput label="Description" value={v.description} onChange={(e) => setV({ ...v, description: e.currentTarget.value })} error={error?.at('description')} />
          {!a.id && (
            <>
              <Select label="Type" data={types} value={v.type} allowDeselect={false} onChange={(t) => setV({ ...v, type: (t as Attribute['type']) ?? 'STRING' })} error={error?.at('type')} />
              <Group><Checkbox label="Several values" checked={v.multiValued} onChange={(e) => setV({ ...v, multiValued: e.currentTarget.checked })} /><Checkbox label="Required" checked={v.required} onChange={(e) => setV({ ...v, required: e.currentTarget.checked })} /><Checkbox label="Unique" checked={v.unique} onChange={(e) => setV({ ...v, unique: e.currentTarget.checked })} /></Group>
            </>
          )}
          {save.error && !error?.at('name', 'displayName', 'description', 'type') && <Failed error={save.error} title="It was not saved" />}
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={save.isPending}>Save</Button></Group>
        </Stack>
      </form>
    </Modal>
  );
}
