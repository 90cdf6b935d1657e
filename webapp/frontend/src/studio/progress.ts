import type { BatchProgress } from "../api/types";
import { inFlight, settled, type Upload } from "./queue";

/** The numbers of the one progress panel, from what this page sent and what the cluster says. */
export interface Progress {
  /** Photos that the person asked for. */
  total: number;
  /** Taken by the cluster. */
  uploaded: number;
  /** Of `total`, those that are not sent yet but will be. */
  sending: number;
  processed: number;
  /** Refused at upload or failed in processing. */
  failed: number;
  cancelled: number;
  /** Nothing more will happen without the person. */
  finished: boolean;
}

/**
 * :param uploads: of the batch on show; empty when the page was loaded again.
 * :param batch: the newest word on the batch, or null before the first.
 */
export function progressOf(uploads: readonly Upload[], batch: BatchProgress | null): Progress {
  let sent = 0;
  let lost = 0;
  let sending = 0;
  let stopped = 0;
  let flying = 0;
  for (const upload of uploads) {
    if (inFlight(upload)) flying += 1;
    if (upload.state === "sent") sent += 1;
    else if (upload.state === "stopped") stopped += 1;
    else if (settled(upload)) lost += 1;
    else sending += 1;
  }
  const counts = batch?.counts ?? {};
  // The answer to an upload may overtake the batch's next report, and the other way round: jobs beyond those
  // that were answered are photos whose request is still under way, not further ones.
  const uploaded = Math.max(sent, batch?.total ?? 0);
  const twice = Math.min(flying, uploaded - sent);
  return {
    total: uploaded + lost + sending + stopped - twice,
    uploaded,
    sending,
    processed: counts.done ?? 0,
    failed: lost + (counts.failed ?? 0) + (counts.quarantined ?? 0),
    cancelled: stopped + (counts.cancelled ?? 0),
    finished: sending === 0 && (batch?.finished ?? 0) >= uploaded,
  };
}

export interface Sample {
  /** Milliseconds. */
  at: number;
  finished: number;
}

const span = 10_000;

/** The samples with a new one, without those that no longer matter to the rate. */
export function addSample(samples: readonly Sample[], sample: Sample): Sample[] {
  const last = samples[samples.length - 1];
  // A count that falls (a job is tried again, another batch) starts the measurement anew.
  if (last !== undefined && sample.finished < last.finished) return [sample];
  // One sample from before the span stays, so that the span is always covered.
  const start = samples.findLastIndex((one) => one.at <= sample.at - span);
  return [...samples.slice(Math.max(0, start)), sample];
}

/** Photos per second over the last ten seconds; null while there is too little to tell. */
export function rate(samples: readonly Sample[]): number | null {
  const first = samples[0];
  const last = samples[samples.length - 1];
  if (first === undefined || last === undefined || last.at - first.at < 500 || last.finished === first.finished)
    return null;
  return ((last.finished - first.finished) * 1000) / (last.at - first.at);
}
