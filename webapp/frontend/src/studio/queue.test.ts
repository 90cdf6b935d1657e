import { describe, expect, it, vi } from "vitest";
import { networkProblem, Problem } from "../api/client";
import type { Job, Submitted } from "../api/types";
import { attempts, parallel, type QueueOptions, settled, UploadQueue } from "./queue";

const photos = (...names: string[]) => names.map((name) => ({ key: name, file: new File(["x"], name) }));
const many = (count: number) => photos(...Array.from({ length: count }, (_, index) => `${index}.jpg`));
const answer = (name: string): Submitted => ({ batch: "b1", jobs: [{ id: `job-${name}` } as Job] });
const refusal = (status: number, retryAfter: number | null = null) =>
  new Problem({ type: "some-reason", status, detail: "in words", retryAfter });

/** A queue whose waits take no time, and a promise for the moment when everything is settled. */
function queueOf(list: ReturnType<typeof photos>, send: QueueOptions["send"], more: Partial<QueueOptions> = {}) {
  const waits: number[] = [];
  const queue: UploadQueue = new UploadQueue(list, {
    send,
    onChange: () => {},
    wait: async (seconds) => {
      waits.push(seconds);
    },
    ...more,
  });
  const done = () => vi.waitFor(() => expect(queue.uploads.every(settled)).toBe(true), { interval: 1 });
  return { queue, waits, done };
}
const states = (queue: UploadQueue) => queue.uploads.map((upload) => upload.state);

describe("the upload queue", () => {
  it("sends the first alone, then several at once, all into the batch that the first made", async () => {
    let inFlight = 0;
    let most = 0;
    const batches: (string | null)[] = [];
    const inFlightAt: number[] = [];
    const { queue, done } = queueOf(many(12), async (file, batch) => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      batches.push(batch);
      inFlightAt.push(inFlight);
      await new Promise((resolve) => setTimeout(resolve, 2));
      inFlight -= 1;
      return answer(file.name);
    });
    queue.start();
    await done();
    expect(most).toBe(parallel);
    expect(inFlightAt[1]).toBe(1);
    expect(batches).toEqual([null, ...Array<string>(11).fill("b1")]);
    expect(queue.uploads.map((upload) => upload.job)).toEqual(many(12).map(({ key }) => `job-${key}`));
  });

  it("lets a bad file spoil nothing else, even the first", async () => {
    const send = vi.fn(async (file: File, _batch: string | null) => {
      if (file.name === "bad.txt") throw refusal(415);
      return answer(file.name);
    });
    const { queue, done } = queueOf(photos("bad.txt", "a.jpg", "b.jpg"), send);
    queue.start();
    await done();
    expect(states(queue)).toEqual(["rejected", "sent", "sent"]);
    expect(queue.uploads[0]?.problem?.detail).toBe("in words");
    expect(send).toHaveBeenCalledTimes(3);
    expect(send.mock.calls[1]?.[1]).toBeNull();
  });

  it("tries again after a network error, later each time", async () => {
    const send = vi
      .fn()
      .mockRejectedValueOnce(networkProblem())
      .mockRejectedValueOnce(refusal(503))
      .mockResolvedValue(answer("a"));
    const { queue, waits, done } = queueOf(photos("a.jpg"), send);
    queue.start();
    await done();
    expect(states(queue)).toEqual(["sent"]);
    expect(queue.uploads[0]?.problem).toBeNull();
    expect(waits).toHaveLength(2);
    expect(waits[0]).toBeGreaterThanOrEqual(0.5);
    expect(waits[1]).toBeGreaterThanOrEqual(1);
  });

  it("gives up after five attempts, and can be told to try again", async () => {
    const send = vi.fn().mockRejectedValue(networkProblem());
    const { queue, done } = queueOf(photos("a.jpg"), send);
    queue.start();
    await done();
    expect(send).toHaveBeenCalledTimes(attempts);
    expect(states(queue)).toEqual(["failed"]);
    send.mockReset().mockResolvedValue(answer("a"));
    queue.retry();
    await done();
    expect(states(queue)).toEqual(["sent"]);
  });

  it("waits for room in a full cluster as long as it takes, and as long as the server asks", async () => {
    const send = vi.fn();
    for (let index = 0; index < attempts * 2; index += 1) send.mockRejectedValueOnce(refusal(429, 7));
    send.mockResolvedValue(answer("a"));
    const { queue, waits, done } = queueOf(photos("a.jpg"), send);
    queue.start();
    await done();
    expect(states(queue)).toEqual(["sent"]);
    expect(waits).toHaveLength(attempts * 2);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(7);
  });

  it("stops what has not been sent, keeps what has, and can go on", async () => {
    const send = vi.fn(
      (file: File, _batch: string | null, { signal }: { signal: AbortSignal }) =>
        new Promise<Submitted>((resolve, reject) => {
          if (file.name === "0.jpg") resolve(answer(file.name));
          else signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
        }),
    );
    const { queue, done } = queueOf(many(6), send);
    queue.start();
    await vi.waitFor(() => expect(send).toHaveBeenCalledTimes(1 + parallel), { interval: 1 });
    queue.stop();
    expect(states(queue)).toEqual(["sent", ...Array<string>(5).fill("stopped")]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(send).toHaveBeenCalledTimes(1 + parallel);
    send.mockImplementation(async (file: File) => answer(file.name));
    queue.retry();
    await done();
    expect(states(queue)).toEqual(Array<string>(6).fill("sent"));
  });

  it("refuses without asking what it can judge by itself", async () => {
    const send = vi.fn(async (file: File) => answer(file.name));
    const { queue, done } = queueOf(photos("huge.tif", "a.jpg"), send, {
      check: (file) => (file.name === "huge.tif" ? refusal(413) : null),
    });
    queue.start();
    await done();
    expect(states(queue)).toEqual(["rejected", "sent"]);
    expect(send).toHaveBeenCalledTimes(1);
  });

  it("tells how much of a file has gone", async () => {
    const shares: number[] = [];
    const { queue, done } = queueOf(
      photos("a.jpg"),
      async (file, _batch, { onProgress }) => {
        onProgress(0.25);
        onProgress(0.75);
        return answer(file.name);
      },
      { onChange: () => shares.push(queue.uploads[0]?.share ?? -1) },
    );
    queue.start();
    await done();
    expect(shares).toEqual([0, 0.25, 0.75, 1]);
  });
});
