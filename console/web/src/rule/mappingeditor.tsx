import { ActionIcon, Alert, Badge, Button, Checkbox, Group, Modal, Paper, SegmentedControl, Select, Stack, Table, Text, Tooltip } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconPencil, IconPlus, IconTrash } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { ApiError, errorText, post, put, remove } from '../api';
import { isMissing, publish, useAct, useAttributes, useMappings, useMetadata } from '../data';
import { useMay } from '../session';
import { nameOf, shown } from '../text';
import type { Mapping, MappingDraft, Rule, User } from '../types';
import { PersonPicker } from '../ui/pickers';
import { AttributeName, Empty, Failed, Loading } from '../ui/parts';

const ExpressionEditor = lazy(() => import('./expression'));

type Draft = MappingDraft & { id?: string };

/** The attribute mappings of a rule. Without any of its own the defaults of the target's type apply, and are shown. */
export function MappingEditor({ rule, type, onSaved }: { rule: Rule; type: string; onSaved?: () => Promise<unknown> }) {
  const may = useMay();
  const client = useQueryClient();
  const mappings = useMappings(rule.id);
  const metadata = useMetadata(type);
  const attributes = useAttributes();
  const [editing, setEditing] = useState<Draft>();
  const [person, setPerson] = useState<User>();
  const after = async () => {
    // While the rule is enabled, what is saved takes effect; before that, it is a draft.
    if (rule.active) await publish();
    await client.invalidateQueries({ queryKey: ['mappings', rule.id] });
    await onSaved?.();
  };
  const defaults = metadata.data?.defaultMappings ?? [];
  const own = mappings.data ?? [];
  const isDefault = own.length === 0;
  const rows: Draft[] = isDefault ? defaults : own;
  /** As soon as one mapping exists all defaults are ignored (PingOne), so the first edit writes them down. */
  const materialize = async () => {
    if (!isDefault) return own;
    const made: Mapping[] = [];
    for (const d of defaults) made.push(await post<Mapping>(`/propagation/rules/${rule.id}/mappings`, d));
    return made;
  };
  const save = useAct(async (d: Draft) => {
    const list = await materialize();
    const { id, ...body } = d;
    const same = id ?? list.find((m) => m.targetAttribute === d.targetAttribute)?.id;
    if (same) await put('/propagation/mappings/' + same, body);
    else await post(`/propagation/rules/${rule.id}/mappings`, body);
    await after();
    setEditing(undefined);
  }, [['mappings', rule.id]]);
  const drop = useAct(async (d: Draft) => {
    const list = await materialize();
    const found = list.find((m) => m.targetAttribute === d.targetAttribute);
    if (found) await remove('/propagation/mappings/' + found.id);
    await after();
  }, [['mappings', rule.id]], 'The mapping was not removed');
  const reset = useAct(async () => {
    for (const m of own) await remove('/propagation/mappings/' + m.id);
    await after();
  }, [['mappings', rule.id]], 'The defaults were not restored');

  if (isMissing(mappings)) return <Failed error={mappings.error} again={() => void mappings.refetch()} />;
  if (mappings.isLoading || metadata.isLoading) return <Loading />;
  const targets = metadata.data?.attributeMetadata.userAttributes ?? {};
  const missing = Object.entries(targets).filter(([name, t]) => t.required && !rows.some((r) => r.targetAttribute === name));
  return (
    <Stack>
      <Group justify="space-between" gap="sm">
        <Group gap="xs">
          {isDefault ? <Badge variant="default" tt="none" radius="sm">Defaults of {type}</Badge> : <Badge variant="light" tt="none" radius="sm">Own mappings</Badge>}
          {!isDefault && may.editAll && <Button size="compact-sm" variant="subtle" color="gray" onClick={() => reset.mutate(undefined)} loading={reset.isPending}>Restore the defaults</Button>}
        </Group>
        <Group gap="sm">
          <PersonPicker person={person} onChange={setPerson} />
          {may.editAll && <Button variant="light" leftSection={<IconPlus size={16} />} onClick={() => setEditing({ targetAttribute: '', sourceAttribute: '' })}>Add mapping</Button>}
        </Group>
      </Group>
      {missing.length > 0 && <Alert color="orange" title="A required attribute is not mapped">{missing.map(([n, t]) => t.displayName ?? n).join(', ')}: without it no account can be created.</Alert>}
      {rows.length === 0 ? <Paper><Empty title="Nothing is mapped" /></Paper> : (
        <Paper style={{ overflow: 'hidden' }}>
          <Table.ScrollContainer minWidth={0} type="native" scrollAreaProps={{ tabIndex: 0, role: 'region', 'aria-label': 'Attribute mapping' } as object}>
            <Table aria-label="Attribute mapping">
              <Table.Thead>
                <Table.Tr>
                  <Table.Th><Text size="xs" c="dimmed" fw={600}>Source</Text></Table.Th>
                  <Table.Th><Text size="xs" c="dimmed" fw={600}>{type} attribute</Text></Table.Th>
                  {person && <Table.Th><Text size="xs" c="dimmed" fw={600}>For {nameOf(person)}</Text></Table.Th>}
                  <Table.Th visibleFrom="sm"><Text size="xs" c="dimmed" fw={600}>Options</Text></Table.Th>
                  {may.editAll && <Table.Th w={84}><Text size="xs" c="dimmed" fw={600}>Edit</Text></Table.Th>}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {rows.map((m) => (
                  <Table.Tr key={m.targetAttribute}>
                    <Table.Td className="wrap">{m.expression ? <Text size="sm" ff="monospace" className="wrap">{m.expression}</Text> : <Text size="sm" style={{ overflowWrap: 'normal' }}><AttributeName name={m.sourceAttribute ?? ''} /></Text>}</Table.Td>
                    <Table.Td className="wrap">
                      <Text size="sm" fw={550}>{m.targetAttribute}{targets[m.targetAttribute]?.required && <Text span c="red" aria-label="required"> *</Text>}</Text>
                      {targets[m.targetAttribute]?.description && <Text size="xs" c="dimmed" visibleFrom="sm">{targets[m.targetAttribute].description}</Text>}
                    </Table.Td>
                    {person && <Table.Td className="wrap"><Result expression={m.expression || m.sourceAttribute || ''} user={person} /></Table.Td>}
                    <Table.Td visibleFrom="sm">
                      <Group gap={4}>
                        {m.createOnly && <Tooltip label="Sent when the account is created, never again."><Badge variant="default" size="sm" tt="none" radius="sm">Create only</Badge></Tooltip>}
                        {m.clearWhenEmpty && <Tooltip label="An empty source clears the value on the target."><Badge variant="default" size="sm" tt="none" radius="sm">Clear when empty</Badge></Tooltip>}
                      </Group>
                    </Table.Td>
                    {may.editAll && (
                      <Table.Td>
                        <Group gap={2} wrap="nowrap">
                          <ActionIcon variant="subtle" color="gray" aria-label={`Edit the mapping of ${m.targetAttribute}`} onClick={() => setEditing(m)}><IconPencil size={16} /></ActionIcon>
                          <ActionIcon variant="subtle" color="gray" aria-label={`Remove the mapping of ${m.targetAttribute}`} onClick={() => drop.mutate(m)} loading={drop.isPending && drop.variables?.targetAttribute === m.targetAttribute}><IconTrash size={16} /></ActionIcon>
                        </Group>
                      </Table.Td>
                    )}
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        </Paper>
      )}
      {editing && (
        <EditMapping
          key={editing.targetAttribute} draft={editing} onClose={() => { setEditing(undefined); save.reset(); }} onSave={(d) => save.mutate(d)} saving={save.isPending} error={save.error} person={person} onPerson={setPerson}
          targets={Object.entries(targets).filter(([n]) => n === editing.targetAttribute || !rows.some((r) => r.targetAttribute === n)).map(([value, t]) => ({ value, label: t.displayName ? `${value} (${t.displayName})` : value }))}
          attributes={attributes.data ?? []}
        />
      )}
    </Stack>
  );
}

function EditMapping({ draft, targets, attributes, onClose, onSave, saving, error, person, onPerson }: {
  draft: Draft; targets: { value: string; label: string }[]; attributes: NonNullable<ReturnType<typeof useAttributes>['data']>; onClose: () => void; onSave: (d: Draft) => void; saving: boolean; error: unknown; person?: User; onPerson: (u?: User) => void;
}) {
  const [d, setD] = useState<Draft>(draft);
  const [kind, setKind] = useState(draft.expression ? 'expression' : 'attribute');
  const [expression, setExpression] = useState(draft.expression || draft.sourceAttribute || '');
  const [settled] = useDebouncedValue(expression, 250);
  const check = useEvaluation(kind === 'expression' ? settled : (d.sourceAttribute ?? ''), person);
  const apiError = error instanceof ApiError ? error : undefined;
  const problem = kind === 'expression' && check.error instanceof ApiError ? check.error.text : undefined;
  const submit = () => {
    const { expression: _, sourceAttribute: __, ...rest } = d;
    onSave(kind === 'expression' ? { ...rest, expression } : { ...rest, sourceAttribute: d.sourceAttribute });
  };
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>{draft.targetAttribute ? `Mapping of ${draft.targetAttribute}` : 'New mapping'}</Text>} size="lg">
      <form onSubmit={(e) => { e.preventDefault(); submit(); }}>
        <Stack>
          <Select label="Target attribute" required data={targets} value={d.targetAttribute || null} onChange={(v) => setD({ ...d, targetAttribute: v ?? '' })} searchable disabled={Boolean(draft.targetAttribute)} error={apiError?.at('targetAttribute')} />
          <div>
            <SegmentedControl aria-label="Kind of source" mb="xs" value={kind} onChange={setKind} data={[{ value: 'attribute', label: 'Attribute' }, { value: 'expression', label: 'Expression' }]} />
            {kind === 'attribute' ? (
              <Select label="Source attribute" required searchable disabled={attributes.length === 0} data={attributes.map((a) => ({ value: a.name, label: a.displayName && a.displayName !== a.name ? `${a.name} (${a.displayName})` : a.name }))} value={d.sourceAttribute || null} onChange={(v) => setD({ ...d, sourceAttribute: v ?? '' })} error={apiError?.at('sourceAttribute')} />
            ) : (
              <Stack gap={4}>
                <Text size="sm" fw={500}>Expression</Text>
                <Suspense fallback={<Loading rows={1} />}><ExpressionEditor value={expression} onChange={setExpression} attributes={attributes} error={problem} label="Expression" /></Suspense>
                {problem && settled && <Text size="sm" c="var(--mantine-color-error)" role="alert" className="wrap">{problem}</Text>}
                <Text size="xs" c="dimmed">PingOne Expression Language. Ctrl+Space completes attributes and functions.</Text>
              </Stack>
            )}
          </div>
          <Paper p="sm" bg="var(--page)">
            <Group justify="space-between" align="flex-start" gap="sm">
              <div>
                <Text size="xs" c="dimmed" fw={600}>Result</Text>
                <Text size="sm" className="wrap" aria-live="polite" data-testid="result">{!person ? 'Choose a person to see the value.' : check.error ? '—' : check.data ? shown(check.data.value) : '…'}</Text>
              </div>
              <PersonPicker person={person} onChange={onPerson} />
            </Group>
          </Paper>
          <Checkbox label="Create only" description="Sent when the account is created, and never again." checked={d.createOnly ?? false} onChange={(e) => setD({ ...d, createOnly: e.currentTarget.checked })} />
          <Checkbox label="Clear when empty" description="When the source has no value, the value on the target is cleared instead of left alone." checked={d.clearWhenEmpty ?? false} onChange={(e) => setD({ ...d, clearWhenEmpty: e.currentTarget.checked })} />
          {error && !apiError?.at('targetAttribute', 'sourceAttribute') ? <Failed error={error} title="The mapping was not saved" /> : null}
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={saving} disabled={!d.targetAttribute || (kind === 'expression' ? !expression.trim() || Boolean(problem) : !d.sourceAttribute)}>Save</Button></Group>
        </Stack>
      </form>
    </Modal>
  );
}

const useEvaluation = (expression: string, user?: User) =>
  useQuery({
    queryKey: ['evaluate', expression, user?.id, user?.updatedAt], enabled: expression.trim() !== '', retry: false,
    queryFn: () => post<{ value: unknown }>('/propagation/expressions/evaluate', { expression, ...(user ? { user: { id: user.id } } : {}) }),
  });

function Result({ expression, user }: { expression: string; user: User }) {
  const q = useEvaluation(expression, user);
  if (q.error) return <Text size="sm" c="var(--mantine-color-error)">{errorText(q.error)}</Text>;
  if (!q.data) return <>…</>;
  return <Text size="sm" c={q.data.value === null ? 'dimmed' : undefined} className="wrap">{shown(q.data.value)}</Text>;
}
