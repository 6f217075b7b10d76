import { Group, Stack, Text, ThemeIcon } from '@mantine/core';
import { IconAlertTriangle, IconCheck, IconMinus, IconX } from '@tabler/icons-react';
import { sentence } from '../api';
import type { Check } from '../types';

/** The steps of a connection test: which one failed, what it means, what to do. */
export function Checks({ checks }: { checks: Check[] }) {
  const look = { OK: ['teal', IconCheck, 'passed'], FAILED: ['red', IconX, 'failed'], SKIPPED: ['gray', IconMinus, 'not tried'], WARNING: ['orange', IconAlertTriangle, 'passed, but look at it'] } as const;
  return (
    <Stack gap="sm" component="ul" m={0} p={0} style={{ listStyle: 'none' }}>
      {checks.map((c) => {
        const [color, Icon, word] = look[c.status];
        return (
          <Group key={c.name} component="li" wrap="nowrap" align="flex-start" gap="sm">
            <ThemeIcon color={color} variant="light" size="sm" radius="xl" mt={2}><Icon size={13} aria-label={word} /></ThemeIcon>
            <div>
              <Text size="sm" fw={600}>{c.name}</Text>
              <Text size="sm" className="wrap" c={c.status === 'SKIPPED' ? 'dimmed' : undefined}>{sentence(c.message)}</Text>
              {(c.status === 'FAILED' || c.status === 'WARNING') && c.hint && <Text size="sm" c="dimmed" className="wrap">What to do: {c.hint}{/[.!?]$/.test(c.hint) ? '' : '.'}</Text>}
            </div>
          </Group>
        );
      })}
    </Stack>
  );
}
