import '@mantine/charts/styles.css';
import { AreaChart } from '@mantine/charts';
import { Group, SegmentedControl, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get, query } from '../api';
import { number } from '../text';
import { Failed, Loading, Section } from './parts';

interface Bucket { at: string; success: number; failed: number }
const spans: Record<string, { label: string; minutes: number }> = { hour: { label: 'Hour', minutes: 60 }, day: { label: 'Day', minutes: 1440 }, week: { label: 'Week', minutes: 10_080 } };

/** Writes over time, from the activity log. */
export default function Throughput({ pending }: { pending: number }) {
  const [span, setSpan] = useState('hour');
  const q = useQuery({ queryKey: ['activities', 'throughput', span], queryFn: ({ signal }) => get<{ _embedded: { throughput: Bucket[] } }>('/propagation/throughput' + query({ minutes: spans[span].minutes }), signal), refetchInterval: 60_000 });
  const buckets = q.data?._embedded.throughput ?? [];
  const label = (at: string) => new Date(at).toLocaleString(undefined, span === 'week' ? { weekday: 'short', hour: '2-digit' } : { hour: '2-digit', minute: '2-digit' });
  const total = buckets.reduce((n, b) => n + b.success, 0);
  const wrong = buckets.reduce((n, b) => n + b.failed, 0);
  return (
    <Section title="Throughput" actions={<SegmentedControl size="xs" aria-label="Time span" data={Object.entries(spans).map(([value, s]) => ({ value, label: s.label }))} value={span} onChange={setSpan} />}>
      {q.error ? <Failed error={q.error} again={() => void q.refetch()} /> : !q.data ? <Loading rows={3} /> : (
        <>
          <Group gap="lg" mb="sm"><Text size="sm" className="numbers"><b>{number(total)}</b> written</Text><Text size="sm" className="numbers"><b>{number(wrong)}</b> failed</Text><Text size="sm" className="numbers"><b>{number(pending)}</b> waiting now</Text></Group>
          <div role="img" aria-label={`Writes over time: ${number(total)} succeeded, ${number(wrong)} failed`}>
            <AreaChart h={200} data={buckets.map((b) => ({ at: label(b.at), Written: b.success, Failed: b.failed }))} dataKey="at" series={[{ name: 'Written', color: 'lagoon.6' }, { name: 'Failed', color: 'red.6' }]} curveType="monotone" withDots={false} strokeWidth={1.5} yAxisProps={{ width: 44, allowDecimals: false }} xAxisProps={{ interval: 'preserveStartEnd', minTickGap: 40 }} areaChartProps={{ accessibilityLayer: false }} />
          </div>
        </>
      )}
    </Section>
  );
}
