// The settings of a connection, drawn from what its type says of itself.
import { Box, NumberInput, PasswordInput, Radio, Select, Stack, Switch, Text, TextInput, Group, Button } from '@mantine/core';
import { useState } from 'react';
import type { ApiError } from '../api';
import { managedHelp, managedLabel, settingHelp, settingLabels } from '../text';
import type { Field } from '../types';

export type Values = Record<string, unknown>;

/** Under which heading of PingOne's wizard a setting stands. */
export const sectionOf = (f: Field): 'AUTHENTICATION' | 'PREFERENCES' | 'ACTIONS' => (f.credentials ? 'AUTHENTICATION' : f.preference ? 'PREFERENCES' : 'ACTIONS');

export const labelOf = (f: Field) => settingLabels[f.name] ?? f.displayName;

export function SettingField({ field, value, onChange, error, saved }: { field: Field; value: unknown; onChange: (v: unknown) => void; error?: string; saved?: boolean }) {
  const label = labelOf(field);
  const help = settingHelp[field.name] ?? field.description;
  const current = value ?? field.defaultValue;
  switch (field.type) {
    case 'SECRET':
      return <Secret label={label} help={help} value={value} onChange={onChange} error={error} saved={saved} required={field.required} />;
    case 'BOOLEAN':
      return <Switch label={label} description={help} checked={Boolean(current)} onChange={(e) => onChange(e.currentTarget.checked)} error={error} />;
    case 'NUMBER':
      return <NumberInput label={label} description={help} value={Number(current)} min={0} step={0.1} onChange={(v) => onChange(v === '' ? null : Number(v))} error={error} maw={320} />;
    default:
      if (field.allowedValues && field.allowedValues.length <= 3) {
        return (
          <Radio.Group label={label} description={help} value={String(current ?? '')} onChange={onChange} error={error}>
            <Group mt="xs" gap="lg">
              {field.allowedValues.map((v) => <Radio key={v} value={v} label={v} />)}
            </Group>
          </Radio.Group>
        );
      }
      if (field.allowedValues) return <Select label={label} description={help} data={field.allowedValues} value={String(current ?? '')} onChange={onChange} allowDeselect={false} error={error} maw={420} />;
      return (
        <TextInput
          label={label} description={help} value={String(value ?? '')} placeholder={typeof field.defaultValue === 'string' ? field.defaultValue : undefined} onChange={(e) => onChange(e.currentTarget.value)} error={error}
          type={field.type === 'URL' ? 'url' : 'text'} spellCheck={false}
        />
      );
  }
}

/** A secret can be set and replaced, and never be seen again. */
function Secret({ label, help, value, onChange, error, saved, required }: { label: string; help?: string; value: unknown; onChange: (v: unknown) => void; error?: string; saved?: boolean; required?: boolean }) {
  const [replacing, setReplacing] = useState(false);
  if (saved && !replacing && !error) {
    return (
      <Box>
        <Text size="sm" fw={500}>{label}</Text>
        <Group gap="sm" mt={4}>
          <Text size="sm" ff="monospace" aria-label="A value is saved">••••••••••••</Text>
          <Button size="compact-sm" variant="default" onClick={() => setReplacing(true)}>Replace</Button>
        </Group>
        <Text size="xs" c="dimmed" mt={4}>It is kept sealed and cannot be shown again.</Text>
      </Box>
    );
  }
  return (
    <PasswordInput
      label={label} description={help} value={String(value ?? '')} onChange={(e) => onChange(e.currentTarget.value)} error={error} required={required && !saved} autoComplete="off" spellCheck={false} data-1p-ignore
      visibilityToggleButtonProps={{ 'aria-label': 'Show what is typed' }} autoFocus={replacing}
    />
  );
}

/** Configure Preferences and Actions, in the order of PingOne's page. */
export function Preferences({ fields, values, onChange, managed, onManaged, error }: {
  fields: Field[]; values: Values; onChange: (name: string, v: unknown) => void; managed: boolean; onManaged: (v: boolean) => void; error?: ApiError;
}) {
  const of = (section: ReturnType<typeof sectionOf>) => fields.filter((f) => sectionOf(f) === section && !['RATE_LIMIT_FACTOR'].includes(f.name));
  const draw = (f: Field) => <SettingField key={f.name} field={f} value={values[f.name]} onChange={(v) => onChange(f.name, v)} error={error?.at('configuration.' + f.name)} />;
  const pacing = fields.find((f) => f.name === 'RATE_LIMIT_FACTOR');
  return (
    <Stack gap="lg">
      {of('PREFERENCES').map(draw)}
      {of('ACTIONS').map(draw)}
      <Switch label={managedLabel} description={managedHelp} checked={managed} onChange={(e) => onManaged(e.currentTarget.checked)} />
      {pacing && draw(pacing)}
    </Stack>
  );
}
