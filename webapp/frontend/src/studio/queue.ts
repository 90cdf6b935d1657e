import { networkProblem, Problem } from "../api/client";
import type { Submitted } from "../api/types";

/**
 * Uploads a batch's photos: one file per request, so that a bad file spoils nothing else, a few requests
 * at a time, the first alone because its answer names the batch that the others join.
 */

export type UploadState =
  | "waiting"
  | "uploading"
  /** Between two attempts. */
  | "retrying"
  | "sent"
  /** Refused for good: this file as it is will never be taken. */
  | "rejected"
  /** Given up after several attempts; worth another try later. */
  | "failed"
  | "stopped";

export interface Upload {
  key: string;
  name: string;
  state: UploadState;
  /** Share of the body sent, from 0 to 1. */
  share: number;
  /** Set once sent. */
  job: string | null;
  problem: Problem | null;
}

export interface QueueOptions {
  send: (
    file: File,
    batch: string | null,
    options: { signal: AbortSignal; onProgress: (share: number) => void },
  ) => Promise<Submitted>;
  /** A problem that needs no server to be found, or null. */
  check?: (file: File) => Problem | null;
  onChange: () => void;
  /** Resolves after so many seconds, or when `signal` fires; tests bring their own. */
  wait?: (seconds: number, signal: AbortSignal) => Promise<void>;
}

export const parallel = 4;
export const attempts = 5;

/** Statuses that say "not now" rather than "not this". */
const transient: ReadonlySet<number> = new Set([0, 408, 425, 429, 500, 502, 503, 504, 507]);
/** The cluster is full and works on it: waiting for room is no failed attempt. */
const full: ReadonlySet<number> = new Set([429, 507]);

function sleep(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Whether nothing will happen to an upload any more without the person. */
export function settled(upload: Upload): boolean {
  return (
    upload.state === "sent" || upload.state === "rejected" || upload.state === "failed" || upload.state === "stopped"
  );
}

/** Whether a request for it is under way, so that the cluster may have the photo before its answer is here. */
export function inFlight(upload: Upload): boolean {
  return upload.state === "uploading" || upload.state === "retrying";
}

export class UploadQueue {
  /** The batch that the photos are in, once the first answer named it. */
  batch: string | null = null;
  private list: Upload[];
  private readonly files: File[];
  private active = 0;
  private stopping = new AbortController();
  private readonly wait: (seconds: number, signal: AbortSignal) => Promise<void>;

  constructor(
    photos: readonly { key: string; file: File }[],
    private readonly options: QueueOptions,
  ) {
    this.files = photos.map((photo) => photo.file);
    this.list = photos.map(({ key, file }) => {
      const problem = options.check?.(file) ?? null;
      return { key, name: file.name, state: problem === null ? "waiting" : "rejected", share: 0, job: null, problem };
    });
    this.wait = options.wait ?? sleep;
  }

  /** A snapshot: a new array with every change, an upload's object changes only when that upload does. */
  get uploads(): readonly Upload[] {
    return this.list;
  }

  start(): void {
    for (let index = 0; index < this.list.length; index += 1) {
      // Before the batch is known one request goes alone; a refused first file passes that on to the next.
      if (this.active >= (this.batch === null ? 1 : parallel)) return;
      if (this.list[index]?.state === "waiting") void this.run(index);
    }
  }

  /** Tries the given uploads again, or all that failed or were stopped. */
  retry(keys?: ReadonlySet<string>): void {
    this.stopping = new AbortController();
    this.list = this.list.map((upload) => {
      const asked = keys === undefined || keys.has(upload.key);
      const can = upload.state === "failed" || upload.state === "stopped";
      return asked && can ? { ...upload, state: "waiting", share: 0, problem: null } : upload;
    });
    this.options.onChange();
    this.start();
  }

  /** Stops what has not been sent; what the cluster has taken goes on. */
  stop(): void {
    this.stopping.abort();
    this.list = this.list.map((upload) => (settled(upload) ? upload : { ...upload, state: "stopped", share: 0 }));
    this.options.onChange();
  }

  private update(index: number, change: Partial<Upload>): void {
    this.list = this.list.with(index, { ...(this.list[index] as Upload), ...change });
    this.options.onChange();
  }

  private async run(index: number): Promise<void> {
    const { signal } = this.stopping;
    this.active += 1;
    await this.attempt(index, signal);
    this.active -= 1;
    if (!this.stopping.signal.aborted) this.start();
  }

  private async attempt(index: number, signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      this.update(index, { state: "uploading", share: 0 });
      try {
        const answer = await this.options.send(this.files[index] as File, this.batch, {
          signal,
          onProgress: (share) => {
            if (!signal.aborted) this.update(index, { share });
          },
        });
        this.batch ??= answer.batch;
        this.update(index, { state: "sent", share: 1, job: answer.jobs[0]?.id ?? null, problem: null });
        return;
      } catch (error) {
        if (signal.aborted) return;
        const problem = error instanceof Problem ? error : networkProblem();
        if (!transient.has(problem.status)) {
          this.update(index, { state: "rejected", share: 0, problem });
          return;
        }
        if (!full.has(problem.status)) failures += 1;
        if (failures >= attempts) {
          this.update(index, { state: "failed", share: 0, problem });
          return;
        }
        this.update(index, { state: "retrying", share: 0, problem });
        const backoff = full.has(problem.status) ? 3 : 0.5 * 2 ** (failures - 1);
        // Jitter, so that four uploads refused together do not come back together.
        await this.wait(Math.min(problem.retryAfter ?? backoff, 30) * (1 + Math.random() / 4), signal);
      }
    }
  }
}
