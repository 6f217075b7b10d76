import { Alert, Anchor, Button, Checkbox, Code, FileInput, Group, Modal, Progress, Select, SimpleGrid, Stack, Table, Text } from '@mantine/core';
import { IconFileTypeCsv } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { at, errorText, query, send, sentence } from '../api';
import { usePopulations } from '../data';
import { number, plural } from '../text';
import type { ImportReport } from '../types';
import { Failed, Figure } from './parts';

interface Kind { path: string; title: string; help: React.ReactNode; stale: string[][] }

const kinds: Record<'users' | 'groups', Kind> = {
  users: {
    path: '/users/import', title: 'Import users', stale: [['users'], ['populations'], ['attributes'], ['groups'], ['live'], ['activities']],
    help: <>A CSV file whose first line names the columns: <Code>username,email,given,family,nickname,title,population,enabled</Code>. People are matched by username.</>,
  },
  groups: {
    path: '/groups/import', title: 'Import groups or memberships', stale: [['groups'], ['users'], ['live'], ['activities']],
    help: <>A CSV file whose first line names the columns. Groups: <Code>name,description,externalId,population,userFilter,memberOf</Code>, matched by name; <Code>memberOf</Code> names the groups that each is nested in, between <Code>|</Code>. Memberships: <Code>group,username</Code>; they are added, and nobody is taken out.</>,
  },
};

/** Sends the file and follows how far the server is; its last line is the report. */
async function run(path: string, file: File, options: Record<string, string | boolean | undefined>, progress: (percent: number, rows: number) => void): Promise<ImportReport> {
  const response = await send(at(path + query(options)), { method: 'POST', body: file, headers: { 'Content-Type': 'text/csv', Accept: 'application/x-ndjson' } });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let report: ImportReport | undefined;
  for (;;) {
    const { value, done } = await reader.read();
    rest += value ?? '';
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const message = JSON.parse(line) as { bytes?: number; total?: number; rows?: number; report?: ImportReport; error?: string };
      if (message.error) throw new Error(message.error);
      if (message.report) report = message.report;
      else progress(message.total ? (100 * (message.bytes ?? 0)) / message.total : 0, message.rows ?? 0);
    }
    if (done) break;
  }
  if (!report) throw new Error('The connection broke off. Rows before that may be taken over; importing the same file again does no harm.');
  return report;
}

/** Import in three steps: the file, what it would do, what it did. */
export default function Import({ of, onClose }: { of: 'users' | 'groups'; onClose: () => void }) {
  const kind = kinds[of];
  const client = useQueryClient();
  const populations = usePopulations();
  const [file, setFile] = useState<File | null>(null);
  const [createAttributes, setCreateAttributes] = useState(false);
  const [population, setPopulation] = useState<string | null>(null);
  const [progress, setProgress] = useState({ percent: 0, rows: 0 });
  const options = (dryRun: boolean) => ({ dryRun, ...(of === 'users' ? { createAttributes, population: population ?? undefined } : {}) });
  const track = (percent: number, rows: number) => setProgress({ percent, rows });
  const preview = useMutation({ mutationFn: () => run(kind.path, file!, options(true), track) });
  const apply = useMutation({
    mutationFn: () => { setProgress({ percent: 0, rows: 0 }); return run(kind.path, file!, options(false), track); },
    onSettled: () => Promise.all(kind.stale.map((queryKey) => client.invalidateQueries({ queryKey }))),
  });
  const again = () => { preview.reset(); apply.reset(); setProgress({ percent: 0, rows: 0 }); };
  const busy = preview.isPending || apply.isPending;
  const report = apply.data ?? preview.data;
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>{kind.title}</Text>} size="lg" closeOnClickOutside={!busy}>
      <Stack>
        {!report && (
          <>
            <Text size="sm" c="dimmed">{kind.help} You see what it would do before anything is changed.</Text>
            <FileInput label="File" placeholder="Choose a CSV file" accept=".csv,text/csv" leftSection={<IconFileTypeCsv size={18} aria-hidden />} value={file} onChange={(f) => { setFile(f); again(); }} clearable clearButtonProps={{ 'aria-label': 'Remove the file' }} disabled={busy} />
            {of === 'users' && <Select label="Population of new people" description="Where the file has no column for it." placeholder="The default population" clearable data={populations.data?.map((p) => ({ value: p.id, label: p.name })) ?? []} value={population} onChange={setPopulation} disabled={busy} />}
            {of === 'users' && <Checkbox label="Declare unknown columns as attributes" checked={createAttributes} onChange={(e) => setCreateAttributes(e.currentTarget.checked)} disabled={busy} />}
            {preview.error && <Failed error={preview.error} title="The file cannot be imported" />}
          </>
        )}
        {busy && (
          <div>
            <Progress value={progress.percent} animated aria-label={`${Math.round(progress.percent)} % read`} />
            <Text size="xs" c="dimmed" mt={4} className="numbers" role="status">{apply.isPending ? 'Importing' : 'Reading'} {progress.rows > 0 && `· ${plural(progress.rows, 'row')}`}</Text>
          </div>
        )}
        {report && !busy && (
          <>
            {apply.data ? <Alert color="teal" title="Imported" role="status">{number(report.created)} created, {number(report.updated)} updated.</Alert> : <Text size="sm">{report.kind ? `The file holds ${report.kind === 'GROUPS' ? 'groups' : 'memberships'}. ` : ''}This is what the import would do. Nothing is changed yet.</Text>}
            <SimpleGrid cols={{ base: 2, xs: 4 }} spacing="sm">
              <Figure label="Created" value={report.created} /><Figure label="Updated" value={report.updated} /><Figure label="Unchanged" value={report.unchanged} />
              <Figure label="Refused" value={report.refused} color={report.refused > 0 ? 'var(--mantine-color-error)' : undefined} />
            </SimpleGrid>
            {report.attributesCreated && report.attributesCreated.length > 0 && <Text size="sm">New attributes: {report.attributesCreated.join(', ')}</Text>}
            {report.refusals.length > 0 && (
              <Table.ScrollContainer minWidth={0} mah={220} type="native">
                <Table aria-label="Refused rows">
                  <Table.Thead><Table.Tr><Table.Th w={70}>Line</Table.Th><Table.Th>Why it is refused</Table.Th></Table.Tr></Table.Thead>
                  <Table.Tbody>{report.refusals.slice(0, 100).map((r, i) => <Table.Tr key={i}><Table.Td className="numbers">{r.line}</Table.Td><Table.Td className="wrap"><Text size="sm">{r.column && <b>{r.column}: </b>}{sentence(r.message)}</Text></Table.Td></Table.Tr>)}</Table.Tbody>
                </Table>
              </Table.ScrollContainer>
            )}
            {report.refusals.length > 100 && <Text size="xs" c="dimmed">and {number(report.refused - 100)} more</Text>}
          </>
        )}
        {apply.error && <Failed error={new Error(errorText(apply.error))} title="The import did not end well" />}
        <Group justify="space-between">
          {preview.data && !busy ? <Anchor component="button" type="button" size="sm" onClick={() => { again(); if (apply.data) setFile(null); }}>{apply.data ? 'Import another file' : 'Choose another file'}</Anchor> : <span />}
          <Group gap="xs">
            <Button variant="default" onClick={onClose} disabled={apply.isPending}>{apply.data ? 'Close' : 'Cancel'}</Button>
            {!preview.data && <Button onClick={() => preview.mutate()} disabled={!file} loading={busy}>Preview</Button>}
            {preview.data && !apply.data && <Button onClick={() => apply.mutate()} loading={busy} disabled={preview.data.created + preview.data.updated === 0}>Import {plural(preview.data.created + preview.data.updated, 'row')}</Button>}
          </Group>
        </Group>
      </Stack>
    </Modal>
  );
}
