import { Button, Group, Modal, NumberInput, Select, SimpleGrid, Stack, Switch, TagsInput, Text, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { ApiError, patch, post } from '../api';
import { useAct, useAttributes, usePopulations } from '../data';
import type { Attribute, User } from '../types';
import { Failed } from './parts';

type Values = Record<string, unknown>;
const main = ['username', 'email', 'name.given', 'name.family', 'nickname', 'title', 'type'];
const hidden = new Set(['id', 'environment.id', 'population.id', 'population.name', 'enabled', 'createdAt', 'updatedAt']);

export const valueAt = (u: Record<string, unknown>, path: string): unknown => path.split('.').reduce<unknown>((v, part) => (v as Record<string, unknown> | undefined)?.[part], u);

/** The body of an edit: only what differs, null where a value was taken away. */
function difference(before: Values, after: Values): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(after)) {
    const now = value === '' || value === undefined || (Array.isArray(value) && value.length === 0) ? null : value;
    if (JSON.stringify(now) === JSON.stringify(before[path] ?? null)) continue;
    const parts = path.split('.');
    if (parts.length === 1) out[path] = now;
    else out[parts[0]] = { ...((out[parts[0]] as object) ?? {}), [parts[1]]: now };
  }
  return out;
}

export function UserForm({ opened, onClose, user, onSaved }: { opened: boolean; onClose: () => void; user?: User; onSaved?: (u: User) => void }) {
  const attributes = useAttributes();
  const populations = usePopulations();
  const [values, setValues] = useState<Values>({});
  const [population, setPopulation] = useState<string | null>(null);
  const [enabled, setEnabled] = useState(true);
  const [all, setAll] = useState(false);
  const editable = (attributes.data ?? []).filter((a) => !hidden.has(a.name));
  const before: Values = user ? Object.fromEntries(editable.map((a) => [a.name, valueAt(user, a.name)])) : {};
  useEffect(() => {
    if (!opened) return;
    setValues(user ? Object.fromEntries(editable.map((a) => [a.name, valueAt(user, a.name) ?? ''])) : {});
    setPopulation(user?.population.id ?? populations.data?.find((p) => p.default)?.id ?? null);
    setEnabled(user?.enabled ?? true);
    save.reset();
    // What is typed stays when lists arrive anew.
    // eslint-disable-next-line
  }, [opened, attributes.isSuccess, populations.isSuccess]);
  const save = useAct(async () => {
    const body = { ...difference(before, values), ...(population && population !== user?.population.id ? { population: { id: population } } : {}), ...(enabled !== user?.enabled ? { enabled } : {}) };
    const saved = user ? await patch<User>('/users/' + user.id, body) : await post<User>('/users', body);
    onClose();
    onSaved?.(saved);
  }, [['users'], ['populations'], ['groups'], ['live'], ['activities']]);
  const error = save.error instanceof ApiError ? save.error : undefined;
  const field = (a: Attribute) => <AttributeInput key={a.name} attribute={a} value={values[a.name]} onChange={(v) => setValues((old) => ({ ...old, [a.name]: v }))} error={error?.at(a.name)} />;
  const order = (list: string[]) => list.map((n) => editable.find((a) => a.name === n)).filter((a) => a !== undefined);
  const custom = editable.filter((a) => a.schemaType === 'CUSTOM');
  const rest = editable.filter((a) => !main.includes(a.name) && a.schemaType !== 'CUSTOM');
  const unseen = error && error.details.some((d) => !editable.some((a) => a.name === d.target));
  return (
    <Modal opened={opened} onClose={onClose} title={<Text fw={650}>{user ? 'Edit user' : 'Add user'}</Text>} size="lg">
      <form onSubmit={(e) => { e.preventDefault(); save.mutate(undefined); }}>
        <Stack>
          <SimpleGrid cols={{ base: 1, xs: 2 }}>{order(main).map(field)}</SimpleGrid>
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <Select label="Population" data={populations.data?.map((p) => ({ value: p.id, label: p.name })) ?? []} value={population} onChange={setPopulation} allowDeselect={false} error={error?.at('population', 'population.id')} />
            <Switch label="Enabled" description="A disabled person loses their accounts, where rules say so." checked={enabled} onChange={(e) => setEnabled(e.currentTarget.checked)} mt={{ xs: 26 }} />
          </SimpleGrid>
          {custom.length > 0 && <SimpleGrid cols={{ base: 1, xs: 2 }}>{custom.map(field)}</SimpleGrid>}
          {all ? <SimpleGrid cols={{ base: 1, xs: 2 }}>{rest.map(field)}</SimpleGrid> : <Button variant="subtle" color="gray" size="compact-sm" onClick={() => setAll(true)} style={{ alignSelf: 'flex-start' }}>More attributes</Button>}
          {save.error && (!error?.details.length || unseen) && <Failed error={save.error} title="The user was not saved" />}
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={save.isPending}>{user ? 'Save' : 'Add user'}</Button></Group>
        </Stack>
      </form>
    </Modal>
  );
}

function AttributeInput({ attribute: a, value, onChange, error }: { attribute: Attribute; value: unknown; onChange: (v: unknown) => void; error?: string }) {
  const common = { label: a.displayName || a.name, required: a.required, error };
  if (a.multiValued) return <TagsInput {...common} value={Array.isArray(value) ? value.map(String) : []} onChange={(v) => onChange(a.type === 'INTEGER' ? v.map(Number) : v)} />;
  switch (a.type) {
    case 'BOOLEAN': return <Select {...common} data={[{ value: 'true', label: 'Yes' }, { value: 'false', label: 'No' }]} clearable value={value === '' || value === undefined || value === null ? null : String(value)} onChange={(v) => onChange(v === null ? '' : v === 'true')} />;
    case 'INTEGER': return <NumberInput {...common} value={typeof value === 'number' ? value : ''} onChange={(v) => onChange(v === '' ? '' : Number(v))} allowDecimal={false} />;
    case 'JSON': case 'COMPLEX': return <TextInput {...common} value={value ? JSON.stringify(value) : ''} readOnly description="Edited through the API." />;
    default: return <TextInput {...common} type={a.name === 'email' ? 'email' : 'text'} value={String(value ?? '')} onChange={(e) => onChange(e.currentTarget.value)} autoComplete="off" />;
  }
}
