import { useMemo } from "react";
import { Problem } from "../api/client";
import { useBatch } from "../api/queries";
import type { Job, PipelineStep } from "../api/types";
import { useLive } from "../live/context";
import { useStore } from "../ui/store";
import { useStudio } from "./context";
import { type Progress, progressOf } from "./progress";
import { settled, type Upload } from "./queue";
import { type Tile, tilesOf } from "./tiles";

/** Everything that the Studio shows of the batch on show. */
export interface BatchOnShow {
  id: string | null;
  uploads: readonly Upload[];
  tiles: readonly Tile[];
  jobs: ReadonlyMap<string, Job>;
  progress: Progress;
  pipeline: readonly PipelineStep[] | null;
  /** The batch is not kept any more. */
  gone: boolean;
  error: Error | null;
  reload: () => void;
}

const noJobs: ReadonlyMap<string, Job> = new Map();

export function useBatchView(): BatchOnShow {
  const { batch, sent, uploads } = useStore(useStudio());
  const taken = uploads.filter((upload) => upload.state === "sent").length;
  const growing = uploads.some((upload) => !settled(upload));
  const { progress, jobs: loaded, pipeline, error, refetch } = useBatch(batch, taken, growing);
  const news = useLive((state) => state.jobs);
  const jobs = loaded ?? noJobs;
  const tiles = useMemo(() => tilesOf(sent, uploads, jobs, news), [sent, uploads, jobs, news]);
  return {
    id: batch,
    uploads,
    tiles,
    jobs,
    progress: progressOf(uploads, progress),
    pipeline,
    gone: error instanceof Problem && error.status === 404,
    error,
    reload: () => void refetch(),
  };
}
