import { describe, expect, it } from "vitest";
import { addSample, progressOf, rate, type Sample } from "./progress";
import type { Upload, UploadState } from "./queue";

const uploads = (...states: UploadState[]): Upload[] =>
  states.map((state, index) => ({ key: `${index}`, name: `${index}.jpg`, state, share: 0, job: null, problem: null }));

describe("progress", () => {
  it("counts what was sent, processed and lost, upload and processing together", () => {
    expect(
      progressOf(uploads("sent", "sent", "sent", "uploading", "waiting", "rejected"), {
        id: "b",
        total: 3,
        finished: 2,
        counts: { done: 1, failed: 1, running: 1 },
      }),
    ).toEqual({ total: 6, uploaded: 3, sending: 2, processed: 1, failed: 2, cancelled: 0, finished: false });
  });

  it("is finished when nothing is on its way and every job has ended", () => {
    const batch = { id: "b", total: 2, finished: 2, counts: { done: 2 } };
    expect(progressOf(uploads("sent", "sent", "rejected"), batch).finished).toBe(true);
    expect(progressOf(uploads("sent", "sent", "retrying"), batch).finished).toBe(false);
    expect(progressOf(uploads("sent", "sent", "sent"), batch).finished).toBe(false);
  });

  it("is finished when every file was refused", () => {
    expect(progressOf(uploads("rejected", "rejected"), null)).toMatchObject({ total: 2, failed: 2, finished: true });
  });

  it("goes by the cluster alone after the page was loaded again", () => {
    const batch = { id: "b", total: 40, finished: 25, counts: { done: 24, quarantined: 1, queued: 15 } };
    expect(progressOf([], batch)).toMatchObject({ total: 40, uploaded: 40, processed: 24, failed: 1, finished: false });
  });

  it("counts a photo once when the cluster has it before the answer to its upload", () => {
    const batch = { id: "b", total: 3, finished: 1, counts: { done: 1, queued: 2 } };
    expect(progressOf(uploads("sent", "uploading", "uploading", "waiting"), batch)).toMatchObject({
      total: 4,
      uploaded: 3,
    });
  });

  it("counts stopped uploads as cancelled, not as failed", () => {
    const batch = { id: "b", total: 1, finished: 1, counts: { done: 1 } };
    expect(progressOf(uploads("sent", "stopped"), batch)).toMatchObject({
      total: 2,
      failed: 0,
      cancelled: 1,
      finished: true,
    });
  });
});

describe("the rate", () => {
  const steady = (perSecond: number, seconds: number) => {
    let samples: Sample[] = [];
    for (let at = 0; at <= seconds * 1000; at += 250)
      samples = addSample(samples, { at, finished: Math.floor((perSecond * at) / 1000) });
    return samples;
  };

  it("is that of the last ten seconds", () => {
    expect(rate(steady(20, 30))).toBeCloseTo(20, 0);
    const slower = addSample(steady(20, 30), { at: 40_000, finished: 605 });
    expect(rate(slower)).toBeCloseTo(0.5, 1);
  });

  it("keeps no more samples than it needs", () => {
    expect(steady(20, 120).length).toBeLessThan(50);
  });

  it("is unknown at the start and begins anew when the count falls", () => {
    expect(rate([])).toBeNull();
    expect(rate([{ at: 0, finished: 3 }])).toBeNull();
    expect(addSample(steady(20, 5), { at: 6_000, finished: 0 })).toEqual([{ at: 6_000, finished: 0 }]);
  });
});
