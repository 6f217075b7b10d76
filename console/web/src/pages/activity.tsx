import { Button, Code, Group, Menu, Select } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useState } from 'react';
import { useSearchParams } from 'react-router';
import { at, query } from '../api';
import { ActivityList } from '../ui/activitylist';
import { PageHead } from '../ui/parts';

const kinds = [
  { value: 'USER', label: 'Users' }, { value: 'GROUP', label: 'Groups' }, { value: 'POPULATION', label: 'Populations' }, { value: 'ATTRIBUTE', label: 'Attributes' },
  { value: 'PROVISIONING_CONNECTION', label: 'Connections' }, { value: 'PROVISIONING_RULE', label: 'Rules' }, { value: 'PROVISIONING_MAPPING', label: 'Mappings' },
  { value: 'PROVISIONING_REVISION', label: 'Revisions' }, { value: 'ADMINISTRATOR', label: 'Administrators' },
];
const actions = [
  { value: 'PROVISIONING_IDENTITY_SYNC.FAILURE', label: 'Failed writes' }, { value: 'PROVISIONING_IDENTITY_SYNC.SUCCESS', label: 'Successful writes' },
  { value: 'PROVISIONING_IDENTITY_SYNC.LINKED', label: 'Adopted accounts' }, { value: 'PROVISIONING_GROUP_SYNC.FAILURE', label: 'Failed group writes' }, { value: 'PROVISIONING_GROUP_SYNC.HELD', label: 'Held groups' }, { value: 'PROVISIONING_SYNC.STARTED', label: 'Syncs started' }, { value: 'PROVISIONING_SYNC.FAILURE', label: 'Halted connections' },
  { value: 'USER.CREATED', label: 'Users created' }, { value: 'USER.UPDATED', label: 'Users updated' }, { value: 'USER.DELETED', label: 'Users deleted' }, { value: 'ADMINISTRATOR.SIGNED_ON', label: 'Sign-ins' },
];
const spans = [{ value: '1', label: 'Last hour' }, { value: '24', label: 'Last 24 hours' }, { value: '168', label: 'Last 7 days' }, { value: '720', label: 'Last 30 days' }];

export default function ActivityPage() {
  const [parameters, setParameters] = useSearchParams();
  const value = (name: string) => parameters.get(name);
  const set = (name: string, v: string | null) =>
    setParameters((old) => { const next = new URLSearchParams(old); if (v) next.set(name, v); else next.delete(name); return next; }, { replace: true });
  const [now] = useState(() => Date.now());
  const since = value('span') && new Date(now - Number(value('span')) * 3_600_000).toISOString();
  const filter = [
    value('kind') && `resources.type eq "${value('kind')}"`, value('action') && `action.type eq "${value('action')}"`, since && `recordedAt ge "${since}"`,
    value('correlation') && `correlationId eq ${JSON.stringify(value('correlation'))}`,
  ].filter(Boolean).join(' and ');
  // The server writes the file as it reads the log, so the browser loads it like any other: nothing is held in this page.
  const file = (format: string) => at('/activities/export' + query({ format, filter }));
  return (
    <>
      <PageHead title="Activity" actions={
        <Menu position="bottom-end">
          <Menu.Target><Button variant="default" leftSection={<IconDownload size={16} />}>Export</Button></Menu.Target>
          <Menu.Dropdown>
            <Menu.Item component="a" href={file('CSV')} download>CSV, for spreadsheets</Menu.Item>
            <Menu.Item component="a" href={file('JSONL')} download>JSON lines, which can be proved</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      }>
        Every edit, and every write to a target with its reason. Entries are chained: <Code>lockstep audit verify</Code> proves that none was changed or taken out.
      </PageHead>
      <Group mb="md" gap="sm">
        <Select aria-label="Kind of object" placeholder="Everything" clearable data={kinds} value={value('kind')} onChange={(v) => set('kind', v)} w={{ base: '100%', xs: 180 }} />
        <Select aria-label="Action" placeholder="Any action" clearable searchable data={actions} value={value('action')} onChange={(v) => set('action', v)} w={{ base: '100%', xs: 210 }} />
        <Select aria-label="Time" placeholder="Any time" clearable data={spans} value={value('span')} onChange={(v) => set('span', v)} w={{ base: '100%', xs: 160 }} />
      </Group>
      <ActivityList filter={filter} />
    </>
  );
}
