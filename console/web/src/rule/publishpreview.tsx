import { Alert, Button, Group, Stack, Text } from '@mantine/core';
import { IconAlertTriangle, IconRefresh } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { ApiError, errorText, post } from '../api';
import { done } from '../data';
import { useMay } from '../session';
import { Failed } from '../ui/parts';
import { PreviewPanel, usePreview, type Subject } from './preview';

/** Publishes exactly what a preview shows. When something moved since, the server refuses, and says what. */
export function usePublishPreview(preview: ReturnType<typeof usePreview>, said: string, before?: () => Promise<unknown>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      await before?.();
      return post('/propagation/revisions', { previewId: preview.data?.id });
    },
    onSuccess: () => done(said),
    onSettled: () => Promise.all([['rules'], ['stores'], ['live'], ['activities']].map((queryKey) => client.invalidateQueries({ queryKey }))),
  });
}

/** Why a preview was not published. A preview that is outdated is made again. */
export function NotPublished({ error, again, title = 'It was not published' }: { error: unknown; again: () => void; title?: string }) {
  if (!(error instanceof ApiError && error.status === 409)) return <Failed error={error} title={title} />;
  return (
    <Alert color="orange" icon={<IconAlertTriangle aria-hidden />} title="Something changed since this preview" role="alert">
      <Stack gap="xs" align="flex-start">
        <Text size="sm" className="wrap">{errorText(error)} Nothing was published.</Text>
        <Button size="xs" leftSection={<IconRefresh size={14} />} onClick={again}>Make a new preview</Button>
      </Stack>
    </Alert>
  );
}

/** A preview that can be published as it stands. */
export function PublishablePreview({ of, running }: { of: Subject; running: boolean }) {
  const may = useMay();
  const preview = usePreview(of);
  const publish = usePublishPreview(preview, 'Published exactly as previewed.');
  const again = () => { publish.reset(); void preview.refetch(); };
  const p = preview.data;
  return (
    <Stack>
      {publish.error && <NotPublished error={publish.error} again={again} />}
      {p?.drafted && !preview.isFetching && may.editAll && running && !publish.isSuccess && (
        <Alert color="blue" title="This is not published yet">
          <Group justify="space-between" gap="sm">
            <Text size="sm" flex="1 1 260px">The preview shows the draft. Publishing does exactly what it shows; if anything has moved meanwhile, nothing is done.</Text>
            <Button size="xs" onClick={() => publish.mutate()} loading={publish.isPending} disabled={!!publish.error}>Publish this preview</Button>
          </Group>
        </Alert>
      )}
      <PreviewPanel of={of} preview={preview} />
    </Stack>
  );
}
