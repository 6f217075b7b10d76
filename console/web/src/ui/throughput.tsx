import { Box, Group, SegmentedControl, Text } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get, query } from '../api';
import { number, plural, time } from '../text';
import type { Page, Throughput as Bucket } from '../types';
import { Failed, Loading, Section } from './parts';

const spans: Record<string, { label: string; minutes: number }> = { hour: { label: 'Hour', minutes: 60 }, day: { label: 'Day', minutes: 1440 }, week: { label: 'Week', minutes: 10_080 } };

/** Colours that stand out from the ground, in light and in dark. */
const colors = { written: 'var(--mantine-color-lagoon-6)', failed: 'var(--mantine-color-red-6)', pending: 'light-dark(var(--mantine-color-grape-8), var(--mantine-color-grape-4))' };

/** Writes to targets over time, from the activity log, and how much was pending meanwhile; pending is how much is, now. */
export function Throughput({ pending }: { pending: number }) {
  const [span, setSpan] = useState('hour');
  const q = useQuery({ queryKey: ['activities', 'throughput', span], queryFn: ({ signal }) => get<Page<'throughput', Bucket>>('/propagation/throughput' + query({ minutes: spans[span].minutes }), signal), refetchInterval: 60_000 });
  const buckets = q.data?._embedded.throughput ?? [];
  const total = buckets.reduce((n, b) => n + b.success, 0);
  const wrong = buckets.reduce((n, b) => n + b.failed, 0);
  const most = Math.max(pending, ...buckets.map((b) => b.pending ?? 0));
  return (
    <Section title="Throughput and pending work" actions={<SegmentedControl size="xs" aria-label="Time span" data={Object.entries(spans).map(([value, s]) => ({ value, label: s.label }))} value={span} onChange={setSpan} />}>
      {q.error ? <Failed error={q.error} again={() => void q.refetch()} /> : (
        <>
          <Group gap="lg" mb="sm" mih={22}>
            <Key color={colors.written} text={`${number(total)} written`} />
            <Key color={colors.failed} text={`${number(wrong)} failed`} />
            <Key color={colors.pending} line text={`${number(pending)} pending now${most > pending ? `, up to ${number(most)} before` : ''}`} />
          </Group>
          <Box h={height}>{q.data ? <Chart buckets={buckets} week={span === 'week'} label={`Over the last ${spans[span].label.toLowerCase()}, ${number(total)} writes to targets succeeded and ${number(wrong)} failed. ${plural(pending, 'person or group is', 'people and groups are')} pending now${most > pending ? `; before, there were up to ${number(most)}` : ''}.`} /> : <Loading rows={4} />}</Box>
        </>
      )}
    </Section>
  );
}

function Key({ color, text, line }: { color: string; text: string; line?: boolean }) {
  return <Group gap={6} wrap="nowrap"><Box w={line ? 16 : 10} h={line ? 2 : 10} style={{ background: color, borderRadius: line ? 0 : 3, flexShrink: 0 }} /><Text size="sm" className="numbers">{text}</Text></Group>;
}

/** A number at a scale. */
const mark = (n: number) => (n < 10_000 ? number(n) : new Intl.NumberFormat(undefined, { notation: 'compact' }).format(n));

/** The next round number that a scale can end with; half of it is whole as well. */
function ceiling(n: number): number {
  if (n <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 4, 6, 8, 10].map((f) => f * power).find((c) => c >= n)!;
}

const height = 200;
const left = 44;
const right = 44;
const bottom = 22;
const top = 8;

function Chart({ buckets, week, label }: { buckets: Bucket[]; week: boolean; label: string }) {
  const { ref, width } = useElementSize();
  const most = ceiling(Math.max(...buckets.map((b) => b.success + b.failed)));
  const inner = height - bottom - top;
  const y = (n: number) => top + inner * (1 - n / most);
  // Pending work has a scale of its own, on the right: of a hundred thousand people who wait, two hundred are written in a minute.
  const waiting = ceiling(Math.max(...buckets.map((b) => b.pending ?? 0)));
  const yWaiting = (n: number) => top + inner * (1 - n / waiting);
  const step = buckets.length ? Math.max(0, width - left - right) / buckets.length : 0;
  const every = Math.max(1, Math.ceil(buckets.length / Math.max(2, Math.floor((width - left - right) / 90))));
  const line = buckets.map((b, i) => (b.pending === undefined ? '' : `${i > 0 && buckets[i - 1].pending !== undefined ? 'L' : 'M'}${left + i * step},${yWaiting(b.pending)} H${left + (i + 1) * step}`)).join(' ');
  const tick = (at: string) => new Date(at).toLocaleString(undefined, week ? { weekday: 'short', hour: '2-digit' } : { hour: '2-digit', minute: '2-digit' });
  return (
    <Box ref={ref} h={height}>
      {width > 0 && (
        <svg width={width} height={height} role="img" aria-label={label} className="spark" fontSize={11}>
          {[0, 0.5, 1].map((f) => (
            <g key={f}>
              <line x1={left} x2={width - right} y1={y(most * f)} y2={y(most * f)} stroke="var(--line)" />
              <text x={left - 8} y={y(most * f) + 4} textAnchor="end" fill="var(--mantine-color-dimmed)">{mark(most * f)}</text>
              <text x={width - right + 8} y={y(most * f) + 4} fill={colors.pending}>{mark(waiting * f)}</text>
            </g>
          ))}
          {buckets.map((b, i) => (
            <g key={b.at}>
              <title>{`${time(b.at)}: ${number(b.success)} written${b.failed ? `, ${number(b.failed)} failed` : ''}${b.pending === undefined ? '' : `, ${number(b.pending)} pending`}`}</title>
              <rect x={left + i * step} width={step} y={top} height={inner} fill="transparent" />
              <rect x={left + i * step + step * 0.12} width={step * 0.76} y={y(b.success)} height={y(0) - y(b.success)} rx={Math.min(2, step / 4)} fill={colors.written} />
              {b.failed > 0 && <rect x={left + i * step + step * 0.12} width={step * 0.76} y={y(b.success + b.failed)} height={y(b.success) - y(b.success + b.failed)} rx={Math.min(2, step / 4)} fill={colors.failed} />}
              {i % every === 0 && i + every / 2 < buckets.length && <text x={left + i * step} y={height - 6} fill="var(--mantine-color-dimmed)">{tick(b.at)}</text>}
            </g>
          ))}
          <path d={line} fill="none" stroke={colors.pending} strokeWidth={2} strokeLinejoin="round" pointerEvents="none" />
        </svg>
      )}
    </Box>
  );
}
