import { Alert, Button, Group, NumberInput, PasswordInput, Select, SimpleGrid, Stack, Table, TagsInput, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError, errorText, get, post, put, sentence } from '../api';
import { useAct } from '../data';
import type { AlertDelivery, AlertSettings, AlertTestResult, Page } from '../types';
import { Ago, CopyText, Failed, Loading, Section, Status } from '../ui/parts';

const statusOf = {
  DELIVERED: { label: 'Delivered', color: 'teal', help: 'The receiver took it.' }, WAITING: { label: 'Waiting', color: 'yellow', help: 'It is tried again.' },
  GIVEN_UP: { label: 'Given up', color: 'red', help: 'Twelve attempts did not work.' },
};

export function AlertSettingsTab() {
  const [made, setMade] = useState(''); // outlives the form, which begins anew with what was saved
  const q = useQuery({ queryKey: ['alert-settings'], queryFn: ({ signal }) => get<AlertSettings>('/alerts/settings', signal) });
  if (q.error && !q.data) return <Failed error={q.error} again={() => void q.refetch()} />;
  if (!q.data) return <Loading rows={4} />;
  return <Stack><Form key={q.data.updatedAt ?? ''} saved={q.data} made={made} setMade={setMade} /><Deliveries /></Stack>;
}

function Form({ saved, made, setMade }: { saved: AlertSettings; made: string; setMade: (key: string) => void }) {
  const [webhook, setWebhook] = useState(saved.webhook);
  const [email, setEmail] = useState(saved.email);
  const [thresholds, setThresholds] = useState(saved.thresholds);
  const [results, setResults] = useState<AlertTestResult[]>();
  const save = useAct(
    () => put<AlertSettings>('/alerts/settings', {
      webhook: { url: webhook.url, key: webhook.key || undefined },
      email: { host: email.host, port: email.port || undefined, tls: email.tls || undefined, username: email.username, password: email.password || undefined, from: email.from, to: email.to ?? [] },
      thresholds,
    }).then((s) => setMade(s.webhook.key ?? '')),
    [['alert-settings'], ['activities']],
  );
  const test = useAct(() => post<{ results: AlertTestResult[] }>('/alerts/test').then((r) => setResults(r.results)), [['alert-deliveries']]);
  const wrong = save.error instanceof ApiError ? save.error : undefined;
  const number = (name: keyof AlertSettings['thresholds'], label: string, suffix: string) => (
    <NumberInput label={label} suffix={suffix} min={0} allowDecimal={false} value={thresholds[name]} onChange={(v) => setThresholds({ ...thresholds, [name]: Number(v) })} error={wrong?.at('thresholds.' + name)} />
  );
  return (
    <>
      <Section title="Webhook">
        <Stack maw={640}>
          <Text size="sm" c="dimmed">Each message is signed as Standard Webhooks are, so the receiver can tell that it is from here.</Text>
          <TextInput label="Address" type="url" placeholder="https://alerts.example.com/lockstep" value={webhook.url ?? ''} onChange={(e) => setWebhook({ ...webhook, url: e.currentTarget.value })} error={wrong?.at('webhook.url', 'webhook.key')} spellCheck={false} />
          {made && <Alert color="teal" title="The key that signs"><Text size="sm" mb="xs">It is shown this once. Give it to the receiver.</Text><CopyText text={made} label="the key" /></Alert>}
        </Stack>
      </Section>
      <Section title="E-mail">
        <Stack maw={640}>
          <Group grow align="flex-start">
            <TextInput label="Mail server" placeholder="smtp.example.com" value={email.host ?? ''} onChange={(e) => setEmail({ ...email, host: e.currentTarget.value })} error={wrong?.at('email.host')} spellCheck={false} />
            <NumberInput label="Port" placeholder="587" min={1} max={65535} value={email.port ?? ''} onChange={(v) => setEmail({ ...email, port: v === '' ? undefined : Number(v) })} error={wrong?.at('email.port')} />
          </Group>
          <Select label="Encryption" data={[{ value: 'STARTTLS', label: 'STARTTLS' }, { value: 'IMPLICIT', label: 'TLS from the start' }, { value: 'NONE', label: 'None, without a password' }]} value={email.tls ?? 'STARTTLS'} onChange={(v) => setEmail({ ...email, tls: v ?? undefined })} allowDeselect={false} error={wrong?.at('email.tls')} />
          <Group grow align="flex-start">
            <TextInput label="Username" value={email.username ?? ''} onChange={(e) => setEmail({ ...email, username: e.currentTarget.value })} autoComplete="off" error={wrong?.at('email.username')} />
            <PasswordInput label="Password" placeholder={saved.email.passwordSet ? 'Saved; leave it empty to keep it' : ''} value={email.password ?? ''} onChange={(e) => setEmail({ ...email, password: e.currentTarget.value })} autoComplete="off" data-1p-ignore />
          </Group>
          <TextInput label="From" placeholder="lockstep@example.com" value={email.from ?? ''} onChange={(e) => setEmail({ ...email, from: e.currentTarget.value })} error={wrong?.at('email.from')} />
          <TagsInput label="To" placeholder="Add an address" value={email.to ?? []} onChange={(to) => setEmail({ ...email, to })} error={wrong?.at('email.to')} />
        </Stack>
      </Section>
      <Section title="What is worth an alert">
        <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }} maw={860}>
          {number('failedPercent', 'Failures above', ' %')}
          {number('failedCount', 'and at least', ' people')}
          {number('expiryDays', 'Credentials that end within', ' days')}
          {number('staleHours', 'No successful sync for', ' hours')}
          {number('quietMinutes', 'Over when away for', ' minutes')}
        </SimpleGrid>
        <Group mt="lg">
          <Button onClick={() => save.mutate(undefined)} loading={save.isPending}>Save</Button>
          <Button variant="default" onClick={() => test.mutate(undefined)} loading={test.isPending} disabled={!saved.webhook.url && !saved.email.host}>Send a test</Button>
        </Group>
        {(save.error || test.error) && <Alert color="red" mt="md" title="That did not work">{errorText(save.error ?? test.error)}</Alert>}
        {results?.map((r) => <Alert key={r.channel} mt="sm" color={r.status === 'OK' ? 'teal' : 'red'} title={r.channel === 'EMAIL' ? 'E-mail' : 'Webhook'}>{sentence(r.message)}</Alert>)}
      </Section>
    </>
  );
}

function Deliveries() {
  const q = useQuery({ queryKey: ['alert-deliveries'], queryFn: ({ signal }) => get<Page<'deliveries', AlertDelivery>>('/alerts/deliveries', signal).then((p) => p._embedded.deliveries) });
  if (!q.data || q.data.length === 0) return null;
  return (
    <Section title="Latest messages">
      <Table.ScrollContainer minWidth={520}>
        <Table>
          <Table.Thead><Table.Tr><Table.Th>When</Table.Th><Table.Th>By</Table.Th><Table.Th>State</Table.Th><Table.Th>Last attempt</Table.Th></Table.Tr></Table.Thead>
          <Table.Tbody>
            {q.data.map((d) => (
              <Table.Tr key={d.id}>
                <Table.Td><Ago at={d.createdAt} /></Table.Td><Table.Td>{d.channel === 'EMAIL' ? 'E-mail' : 'Webhook'}</Table.Td>
                <Table.Td><Status of={statusOf[d.status]} /></Table.Td><Table.Td>{d.message ? sentence(d.message) : '—'}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Section>
  );
}
