// The small parts that every page is made of.
import { ActionIcon, Alert, Anchor, Badge, Box, Breadcrumbs, Button, Center, Code, CopyButton, Group, Loader, Modal, Paper, Skeleton, Stack, Table, Text, TextInput, Title, Tooltip, type MantineColor } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconAlertTriangle, IconCheck, IconCopy, IconInbox, IconSearch, IconX } from '@tabler/icons-react';
import { Fragment, useEffect, useState, type ReactNode } from 'react';
import { Link, useNavigate } from 'react-router';
import { errorText } from '../api';
import { useSession } from '../session';
import { ago, number, shown, time } from '../text';
import type { Change } from '../types';

/** The head of a page: where it is, what it is, and what can be done. */
export function PageHead({ title, crumbs, badge, actions, children }: { title: string; crumbs?: [string, string][]; badge?: ReactNode; actions?: ReactNode; children?: ReactNode }) {
  const { session } = useSession();
  const where = session.environments && session.environments.length > 1 && session.environment ? ` · ${session.environment.name}` : '';
  useEffect(() => {
    document.title = `${title}${where} · Lockstep`;
  }, [title, where]);
  return (
    <Box mb="lg">
      {crumbs && (
        <Breadcrumbs mb={6} separatorMargin={6}>
          {crumbs.map(([label, to]) => (
            <Anchor component={Link} to={to} key={to} size="sm">
              {label}
            </Anchor>
          ))}
        </Breadcrumbs>
      )}
      <Group justify="space-between" align="flex-start" gap="sm">
        <Box miw={0} flex="1 1 260px">
          <Group gap="sm">
            <Title order={1} className="wrap">
              {title}
            </Title>
            {badge}
          </Group>
          {children && (
            <Text c="dimmed" size="sm" mt={4} maw={760}>
              {children}
            </Text>
          )}
        </Box>
        <Group gap="xs">{actions}</Group>
      </Group>
    </Box>
  );
}

export function Status({ of, label, color, help, dot = true }: { of?: { label: string; color: MantineColor; help: string }; label?: string; color?: MantineColor; help?: string; dot?: boolean }) {
  const text = label ?? of?.label ?? '';
  const badge = (
    <Badge variant={dot ? 'dot' : (color ?? of?.color ?? 'gray') === 'gray' ? 'default' : 'light'} color={color ?? of?.color ?? 'gray'} radius="sm" tt="none" fw={550} miw="max-content" style={{ flexShrink: 0 }}>
      {text}
    </Badge>
  );
  const hint = help ?? of?.help;
  return hint ? (
    <Tooltip label={hint} multiline maw={320}>
      {badge}
    </Tooltip>
  ) : (
    badge
  );
}

/** Beside the name of a group, where people stand in the same list. */
export const GroupBadge = () => <Badge variant="default" size="sm" radius="sm" tt="none" fw={500} miw="max-content">Group</Badge>;

export function Loading({ rows = 4 }: { rows?: number }) {
  return (
    <Stack gap="xs" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, i) => (
        <Skeleton key={i} height={36} radius="md" />
      ))}
    </Stack>
  );
}

export function Failed({ error, again, title = 'This could not be loaded' }: { error: unknown; again?: () => void; title?: string }) {
  return (
    <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title={title} role="alert">
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{errorText(error)}</Text>
        {again && (
          <Button size="xs" variant="default" onClick={again}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

export function Empty({ title, children, action, icon }: { title: string; children?: ReactNode; action?: ReactNode; icon?: ReactNode }) {
  return (
    <Center py={48} px="md">
      <Stack align="center" gap="xs" maw={460} ta="center">
        <Box c="dimmed">{icon ?? <IconInbox size={40} stroke={1.3} aria-hidden />}</Box>
        <Text fw={600}>{title}</Text>
        {children && (
          <Text size="sm" c="dimmed">
            {children}
          </Text>
        )}
        {action && <Box mt="xs">{action}</Box>}
      </Stack>
    </Center>
  );
}

export function PageLoader() {
  return (
    <Center py={80}>
      <Loader aria-label="Loading" />
    </Center>
  );
}

export interface Column<T> {
  label: string;
  /** Stands in the head of the column instead of the label. */
  head?: ReactNode;
  cell: (row: T) => ReactNode;
  width?: number | string;
  /** Left out where the screen is narrow. */
  wide?: boolean;
  align?: 'right';
  /** Words are not broken: the others make room. */
  whole?: boolean;
}

/** A list with its loading, empty and error states; rows may lead somewhere. */
export function List<T>({ columns, rows, rowKey, to, loading, error, again, empty, more, moreLoading, label, stale }: {
  columns: Column<T>[]; rows: T[]; rowKey: (row: T) => string; to?: (row: T) => string | undefined; loading?: boolean; error?: unknown; again?: () => void;
  empty: ReactNode; more?: () => void; moreLoading?: boolean; label: string; stale?: boolean;
}) {
  const navigate = useNavigate();
  if (error && rows.length === 0) return <Failed error={error} again={again} />;
  if (loading) return <Loading rows={6} />;
  if (rows.length === 0) return <Paper>{empty}</Paper>;
  return (
    <>
      <Paper style={{ overflow: 'hidden', opacity: stale ? 0.6 : 1, transition: 'opacity 120ms' }}>
        <Table.ScrollContainer minWidth={0} type="native" scrollAreaProps={{ tabIndex: 0, role: 'region', 'aria-label': label } as object}>
          <Table aria-label={label} style={{ tableLayout: 'auto' }}>
            <Table.Thead>
              <Table.Tr>
                {columns.map((c) => (
                  <Table.Th key={c.label} w={c.width} visibleFrom={c.wide ? 'sm' : undefined} ta={c.align}>
                    {c.head ?? (
                      <Text size="xs" c="dimmed" fw={600} style={{ whiteSpace: 'nowrap' }}>
                        {c.label}
                      </Text>
                    )}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((row) => {
                const href = to?.(row);
                return (
                  <Table.Tr
                    key={rowKey(row)}
                    className={href ? 'row-link' : undefined}
                    onClick={(e) => {
                      if (href && !(e.target as HTMLElement).closest('a,button,input,label')) void navigate(href);
                    }}
                  >
                    {columns.map((c) => (
                      <Table.Td key={c.label} visibleFrom={c.wide ? 'sm' : undefined} ta={c.align} className={c.align ? 'numbers' : c.whole ? undefined : 'wrap'}>
                        {c.cell(row)}
                      </Table.Td>
                    ))}
                  </Table.Tr>
                );
              })}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      </Paper>
      {more && (
        <Center mt="md">
          <Button variant="default" onClick={more} loading={moreLoading}>
            Show more
          </Button>
        </Center>
      )}
    </>
  );
}

/** A list that is here whole, narrowed by name and shown a portion at a time. */
export function usePortion<T extends { name: string; description?: string }>(rows: T[] | undefined, text: string, size = 50) {
  const [shown, setShown] = useState(size);
  const needle = text.trim().toLowerCase();
  const found = (rows ?? []).filter((r) => !needle || r.name.toLowerCase().includes(needle) || r.description?.toLowerCase().includes(needle));
  return { rows: found.slice(0, shown), found: found.length, more: found.length > shown ? () => setShown(shown + size) : undefined };
}

/** A search field that waits until the typing stops. */
export function Search({ value, onChange, label, placeholder, width = 320 }: { value: string; onChange: (text: string) => void; label: string; placeholder?: string; width?: number }) {
  const [text, setText] = useState(value);
  const [settled] = useDebouncedValue(text, 250);
  useEffect(() => {
    if (settled !== value) onChange(settled);
    // Only what was typed is told; the value from outside comes with a new key.
    // eslint-disable-next-line
  }, [settled]);
  return (
    <TextInput
      type="search" aria-label={label} placeholder={placeholder ?? label} value={text} onChange={(e) => setText(e.currentTarget.value)}
      leftSection={<IconSearch size={16} aria-hidden />} w={{ base: '100%', xs: width }}
      rightSection={text ? <ActionIcon variant="subtle" color="gray" size="sm" aria-label="Clear search" onClick={() => setText('')}><IconX size={14} /></ActionIcon> : null}
    />
  );
}

export function Ago({ at }: { at: string | null | undefined }) {
  if (!at) return <Text span inherit c="dimmed">never</Text>;
  return (
    <Tooltip label={time(at)}>
      <time dateTime={at} style={{ whiteSpace: 'nowrap' }}>{ago(at)}</time>
    </Tooltip>
  );
}

/** What differs, as before → after. */
export function Changes({ changes, limit = 6 }: { changes: Change[]; limit?: number }) {
  const [all, setAll] = useState(false);
  if (changes.length === 0) return null;
  const list = all ? changes : changes.slice(0, limit);
  return (
    <Stack gap={2}>
      {list.map((c) => (
        <Text size="xs" key={c.attribute} className="wrap" ff="monospace">
          <Text span inherit fw={600}>{c.attribute}</Text>:{' '}
          {c.from !== null && c.from !== undefined && c.from !== '' && (
            <>
              <span className="diff-from">{shown(c.from)}</span> <span aria-label="becomes">→</span>{' '}
            </>
          )}
          <span className="diff-to">{shown(c.to)}</span>
        </Text>
      ))}
      {changes.length > limit && (
        <Anchor component="button" type="button" size="xs" style={{ alignSelf: 'flex-start' }} onClick={() => setAll(!all)}>
          {all ? 'Show less' : `Show ${changes.length - limit} more`}
        </Anchor>
      )}
    </Stack>
  );
}

export function Figure({ label, value, help, color, hint }: { label: string; value: ReactNode; help?: string; color?: string; hint?: ReactNode }) {
  const body = (
    <Paper p="md" tabIndex={help ? 0 : undefined} h="100%">
      <Text size="xs" c="dimmed" fw={600}>{label}</Text>
      <Text fz={26} lh={1.25} fw={650} className="numbers" c={color}>{typeof value === 'number' ? number(value) : value}</Text>
      {hint && <Text size="xs" c="dimmed">{hint}</Text>}
    </Paper>
  );
  return help ? <Tooltip label={help} multiline maw={300}>{body}</Tooltip> : body;
}

export function CopyText({ text, label }: { text: string; label: string }) {
  return (
    <Group gap={4} wrap="nowrap" miw={0}>
      <Code className="wrap" fz="xs">{text}</Code>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <ActionIcon variant="subtle" color="gray" onClick={copy} aria-label={copied ? 'Copied' : `Copy ${label}`}>
            {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
          </ActionIcon>
        )}
      </CopyButton>
    </Group>
  );
}

/** Asks before something that is hard to take back; says what will happen to how many. */
export function Confirm({ opened, onClose, onConfirm, title, children, action, loading, color = 'red', disabled, error }: {
  opened: boolean; onClose: () => void; onConfirm: () => void; title: string; children: ReactNode; action: string; loading?: boolean; color?: string; disabled?: boolean; error?: unknown;
}) {
  return (
    <Modal opened={opened} onClose={onClose} title={<Text fw={650}>{title}</Text>} size="md">
      <Stack>
        <Box fz="sm">{children}</Box>
        {error ? <Failed error={error} title="That did not work" /> : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose} data-autofocus>Cancel</Button>
          <Button color={color} onClick={onConfirm} loading={loading} disabled={disabled}>{action}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}

/** Pairs of a name and what stands there. */
export function Facts({ of }: { of: [string, ReactNode][] }) {
  return (
    <Box component="dl" m={0} style={{ display: 'grid', gridTemplateColumns: 'fit-content(50%) minmax(0, 1fr)', gap: '8px 20px' }}>
      {of.map(([name, value]) => (
        <Box key={name} style={{ display: 'contents' }}>
          <Text component="dt" size="sm" c="dimmed" miw={120}>{name}</Text>
          <Box component="dd" m={0} fz="sm" className="wrap" miw={0}>{value ?? '—'}</Box>
        </Box>
      ))}
    </Box>
  );
}

export function Section({ title, actions, children, id }: { title: string; actions?: ReactNode; children: ReactNode; id?: string }) {
  return (
    <Paper p={{ base: 'md', sm: 'lg' }} component="section" aria-labelledby={id}>
      <Group justify="space-between" mb="md" gap="xs">
        <Title order={2} id={id}>{title}</Title>
        <Group gap="xs">{actions}</Group>
      </Group>
      {children}
    </Paper>
  );
}

/** The name of an attribute; on a narrow screen it breaks after a dot, not inside of a word. */
export function AttributeName({ name }: { name: string }) {
  const parts = name.split('.');
  return <>{parts.map((part, i) => <Fragment key={i}>{part}{i < parts.length - 1 && <>.<wbr /></>}</Fragment>)}</>;
}
