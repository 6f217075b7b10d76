import { ActionIcon, Anchor, Center, Group as Row, Skeleton, Text, Tooltip } from '@mantine/core';
import { IconChevronDown, IconChevronRight, IconFilter, IconUsersGroup, IconX } from '@tabler/icons-react';
import { useState, type ReactNode } from 'react';
import { Link } from 'react-router';
import { errorText } from '../api';
import { useMemberships, useNested } from '../data';
import { groupKind, plural } from '../text';
import type { Group } from '../types';
import { Status } from './parts';

interface Branch { id: string; name: string; group?: Group }
type Direction = 'below' | 'above';

/** One level of the tree: what is nested in a group directly, or what it is nested in directly. */
function useLevel(direction: Direction, id: string, enabled: boolean) {
  const below = useNested(id, enabled && direction === 'below');
  const above = useMemberships('groups', enabled && direction === 'above' ? id : '');
  const q = direction === 'below' ? below : above;
  const list: Branch[] | undefined = direction === 'below' ? below.data?.map((g) => ({ id: g.id, name: g.name, group: g })) : above.data?.filter((m) => m.type === 'DIRECT').map((m) => ({ id: m.id, name: m.name }));
  return { list, error: q.error };
}

/** The groups below a group, or above it, level by level. Groups are read when their level is opened. */
export function GroupTree({ direction, root, onRemove, empty }: { direction: Direction; root: string; onRemove?: (b: Branch) => void; empty: ReactNode }) {
  const { list, error } = useLevel(direction, root, true);
  if (error && !list) return <Text size="sm" c="var(--mantine-color-error)" role="alert">{errorText(error)}</Text>;
  if (!list) return <Skeleton height={32} role="status" aria-label="Loading" />;
  if (list.length === 0) return <Text size="sm" c="dimmed">{empty}</Text>;
  return <Level list={list} direction={direction} onRemove={onRemove} depth={0} />;
}

function Level({ list, direction, onRemove, depth }: { list: Branch[]; direction: Direction; onRemove?: (b: Branch) => void; depth: number }) {
  return <ul className="tree">{list.map((b) => <Node key={b.id} branch={b} direction={direction} onRemove={onRemove} depth={depth} />)}</ul>;
}

function Node({ branch: b, direction, onRemove, depth }: { branch: Branch; direction: Direction; onRemove?: (b: Branch) => void; depth: number }) {
  const [open, setOpen] = useState(depth < 2);
  const next = useLevel(direction, b.id, depth < 12);
  const leaf = next.list?.length === 0;
  return (
    <li>
      <Row gap={6} wrap="nowrap" mih={36}>
        {leaf || !next.list ? <Center w={28} c="dimmed" style={{ flexShrink: 0 }} aria-hidden>{b.group?.userFilter ? <IconFilter size={15} stroke={1.6} /> : <IconUsersGroup size={15} stroke={1.6} />}</Center> : (
          <ActionIcon variant="subtle" color="gray" aria-expanded={open} aria-label={`${open ? 'Close' : 'Open'} ${b.name}`} onClick={() => setOpen(!open)}>{open ? <IconChevronDown size={16} /> : <IconChevronRight size={16} />}</ActionIcon>
        )}
        <Anchor component={Link} to={'/directory/groups/' + b.id} size="sm" fw={550} className="wrap">{b.name}</Anchor>
        {b.group && <Status of={groupKind(b.group)} dot={false} />}
        {b.group && <Text size="xs" c="dimmed" className="numbers" visibleFrom="xs" style={{ whiteSpace: 'nowrap' }}>{plural(b.group.directMemberCounts.users, 'member')} of its own</Text>}
        {onRemove && (
          <Tooltip label={direction === 'below' ? `Take ${b.name} out` : `Take out of ${b.name}`}>
            <ActionIcon variant="subtle" color="gray" aria-label={direction === 'below' ? `Take ${b.name} out` : `Take out of ${b.name}`} onClick={() => onRemove(b)} ml="auto"><IconX size={16} /></ActionIcon>
          </Tooltip>
        )}
      </Row>
      {open && next.list && next.list.length > 0 && <Level list={next.list} direction={direction} depth={depth + 1} />}
    </li>
  );
}
