import { Box, Progress, Stepper, Text } from '@mantine/core';

/** Where one is in a wizard: all steps where there is room, otherwise the one and how far. */
export function Steps({ labels, active }: { labels: string[]; active: number }) {
  const here = Math.min(active, labels.length - 1);
  return (
    <>
      <Box visibleFrom="sm" mb="xl" maw={920}>
        <Stepper active={active} size="sm" iconSize={30} wrap={false}>
          {labels.map((label) => <Stepper.Step key={label} label={label} tabIndex={-1} style={{ cursor: 'default' }} />)}
        </Stepper>
      </Box>
      <Box hiddenFrom="sm" mb="md">
        <Text size="sm" mb={6}>Step {here + 1} of {labels.length}: <b>{labels[here]}</b></Text>
        <Progress value={(100 * (here + 1)) / labels.length} size="sm" aria-label={`Step ${here + 1} of ${labels.length}`} />
      </Box>
    </>
  );
}
