import { Badge, Button, Menu, Text } from '@mantine/core';
import { IconCheck, IconChevronDown, IconSettings } from '@tabler/icons-react';
import { Link } from 'react-router';
import { baseOf } from '../place';
import { useSession } from '../session';
import { environmentTexts } from '../text';

/** Which environment is open, and where there are several, the way to another. That is another page: nothing of the one before stays. */
export function EnvironmentMenu() {
  const { session } = useSession();
  const here = session.environment;
  const all = session.environments ?? [];
  if (all.length < 2) return <Badge variant="default" radius="sm" tt="none" fw={500} visibleFrom="xs">{here?.name}</Badge>;
  return (
    <Menu position="bottom-start" width={260}>
      <Menu.Target>
        <Button variant="default" size="compact-sm" fw={500} maw={{ base: 124, xs: 260 }} rightSection={<IconChevronDown size={14} aria-hidden />} aria-label={`${environmentTexts.menu}: ${here?.name}`}>
          <Text inherit span display="block" lh={1.5} className="truncate">{here?.name}</Text>
        </Button>
      </Menu.Target>
      <Menu.Dropdown mah={400} style={{ overflowY: 'auto' }}>
        <Menu.Label>{environmentTexts.menu}</Menu.Label>
        {all.map((e) => (
          <Menu.Item
            key={e.id} component="a" href={baseOf(e.id) + '/'} aria-label={`${e.name}, ${e.role}`} aria-current={e.id === here?.id ? 'true' : undefined}
            leftSection={e.id === here?.id ? <IconCheck size={16} aria-hidden /> : <span style={{ display: 'inline-block', width: 16 }} />}
          >
            <Text size="sm" className="wrap" fw={e.id === here?.id ? 600 : undefined}>{e.name}</Text>
            <Text size="xs" c="dimmed">{e.role}</Text>
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item component={Link} to="/settings/environments" leftSection={<IconSettings size={16} aria-hidden />}>{environmentTexts.all}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
