import { Box, Group, SegmentedControl, Text } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get, query } from '../api';
import { number, time } from '../text';
import type { Page } from '../types';
import { Failed, Loading, Section } from './parts';

interface Bucket { at: string; success: number; failed: number }
const spans: Record<string, { label: string; minutes: number }> = { hour: { label: 'Hour', minutes: 60 }, day: { label: 'Day', minutes: 1440 }, week: { label: 'Week', minutes: 10_080 } };

/** Writes to targets over time, from the activity log. */
export function Throughput({ pending }: { pending: number }) {
  const [span, setSpan] = useState('hour');
  const q = useQuery({ queryKey: ['activities', 'throughput', span], queryFn: ({ signal }) => get<Page<'throughput', Bucket>>('/propagation/throughput' + query({ minutes: spans[span].minutes }), signal), refetchInterval: 60_000 });
  const buckets = q.data?._embedded.throughput ?? [];
  const total = buckets.reduce((n, b) => n + b.success, 0);
  const wrong = buckets.reduce((n, b) => n + b.failed, 0);
  return (
    <Section title="Throughput" actions={<SegmentedControl size="xs" aria-label="Time span" data={Object.entries(spans).map(([value, s]) => ({ value, label: s.label }))} value={span} onChange={setSpan} />}>
      {q.error ? <Failed error={q.error} again={() => void q.refetch()} /> : (
        <>
          <Group gap="lg" mb="sm" mih={22}>
            <Key color="var(--mantine-color-lagoon-6)" text={`${number(total)} written`} />
            <Key color="var(--mantine-color-red-6)" text={`${number(wrong)} failed`} />
            <Text size="sm" c="dimmed" className="numbers">{number(pending)} waiting now</Text>
          </Group>
          <Box h={200}>{q.data ? <Bars buckets={buckets} week={span === 'week'} label={`Writes to targets over time: ${number(total)} succeeded, ${number(wrong)} failed`} /> : <Loading rows={4} />}</Box>
        </>
      )}
    </Section>
  );
}

function Key({ color, text }: { color: string; text: string }) {
  return <Group gap={6} wrap="nowrap"><Box w={10} h={10} style={{ background: color, borderRadius: 3 }} /><Text size="sm" className="numbers">{text}</Text></Group>;
}

/** The next round number that a scale can end with. */
function ceiling(n: number): number {
  if (n <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 4, 5, 10].map((f) => f * power).find((c) => c >= n)!;
}

const height = 200;
const left = 44;
const bottom = 22;
const top = 8;

function Bars({ buckets, week, label }: { buckets: Bucket[]; week: boolean; label: string }) {
  const { ref, width } = useElementSize();
  const most = ceiling(Math.max(...buckets.map((b) => b.success + b.failed)));
  const inner = height - bottom - top;
  const y = (n: number) => top + inner * (1 - n / most);
  const step = buckets.length ? Math.max(0, width - left) / buckets.length : 0;
  const every = Math.max(1, Math.ceil(buckets.length / Math.max(2, Math.floor((width - left) / 90))));
  const tick = (at: string) => new Date(at).toLocaleString(undefined, week ? { weekday: 'short', hour: '2-digit' } : { hour: '2-digit', minute: '2-digit' });
  return (
    <Box ref={ref} h={height}>
      {width > 0 && (
        <svg width={width} height={height} role="img" aria-label={label} className="spark" fontSize={11}>
          {[0, 0.5, 1].map((f) => (
            <g key={f}>
              <line x1={left} x2={width} y1={y(most * f)} y2={y(most * f)} stroke="var(--line)" />
              <text x={left - 8} y={y(most * f) + 4} textAnchor="end" fill="var(--mantine-color-dimmed)">{number(most * f)}</text>
            </g>
          ))}
          {buckets.map((b, i) => (
            <g key={b.at}>
              <title>{`${time(b.at)}: ${number(b.success)} written${b.failed ? `, ${number(b.failed)} failed` : ''}`}</title>
              <rect x={left + i * step} width={step} y={top} height={inner} fill="transparent" />
              <rect x={left + i * step + step * 0.12} width={step * 0.76} y={y(b.success)} height={y(0) - y(b.success)} rx={Math.min(2, step / 4)} fill="var(--mantine-color-lagoon-6)" />
              {b.failed > 0 && <rect x={left + i * step + step * 0.12} width={step * 0.76} y={y(b.success + b.failed)} height={y(b.success) - y(b.success + b.failed)} rx={Math.min(2, step / 4)} fill="var(--mantine-color-red-6)" />}
              {i % every === 0 && i + every / 2 < buckets.length && <text x={left + i * step} y={height - 6} fill="var(--mantine-color-dimmed)">{tick(b.at)}</text>}
            </g>
          ))}
        </svg>
      )}
    </Box>
  );
}
