import type { Job, JobDelta, JobState } from "../api/types";
import type { Problem } from "../api/client";
import type { Photo } from "./studio";
import { inFlight, type Upload, type UploadState } from "./queue";

/** One photo of the batch on show, from whatever is known of it: its upload, the live news, its result. */
export interface Tile {
  key: string;
  name: string;
  state: JobState | UploadState;
  /** The job's id, once the cluster has taken the photo. */
  job: string | null;
  node: string | null;
  /** Object URL of the original, where this page sent it. */
  original: string | null;
  problem: Problem | Job["error"];
  /** Bytes of the result. */
  bytes: number | null;
  /** Seconds of processing. */
  seconds: number | null;
}

/** Before the first news of it, a photo that was sent waits in the backlog. */
function jobState(job: Job | undefined, news: JobDelta | undefined): JobState {
  if (job === undefined) return news?.state ?? "queued";
  // A job tried again has newer news than its last result.
  return news !== undefined && news.attempt > job.attempt ? news.state : job.state;
}

function jobTile(
  key: string,
  id: string,
  job: Job | undefined,
  news: JobDelta | undefined,
  upload: Upload | null,
  original: string | null,
): Tile {
  const state = jobState(job, news);
  const ended = job !== undefined && job.state === state;
  return {
    key,
    name: upload?.name ?? job?.name ?? news?.name ?? id,
    state,
    job: id,
    node: news?.node ?? job?.node ?? null,
    original,
    problem: ended ? job.error : null,
    bytes: ended ? (job.result?.bytes ?? null) : null,
    seconds: ended && job.started_at !== null && job.finished_at !== null ? job.finished_at - job.started_at : null,
  };
}

/** The batch's tiles: photos sent from this page in their order, then the others in the order of their news. */
export function tilesOf(
  photos: readonly Photo[],
  uploads: readonly Upload[],
  jobs: ReadonlyMap<string, Job>,
  news: Readonly<Record<string, JobDelta>>,
): Tile[] {
  const seen = new Set<string>();
  const tiles = uploads.map((upload, index): Tile => {
    const original = photos[index]?.url ?? null;
    if (upload.job !== null) {
      seen.add(upload.job);
      return jobTile(upload.key, upload.job, jobs.get(upload.job), news[upload.job], upload, original);
    }
    return {
      key: upload.key,
      name: upload.name,
      state: upload.state,
      job: null,
      node: null,
      original,
      problem: upload.problem,
      bytes: null,
      seconds: null,
    };
  });
  // While requests are under way, unknown jobs are their photos: the news came before the answer.
  let awaited = uploads.filter(inFlight).length;
  for (const id of new Set([...jobs.keys(), ...Object.keys(news)])) {
    if (seen.has(id)) continue;
    if (awaited > 0) awaited -= 1;
    else tiles.push(jobTile(id, id, jobs.get(id), news[id], null, null));
  }
  return tiles;
}
