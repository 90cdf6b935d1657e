import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LiveFeed, type Stream } from "./feed";
import type { LiveMessage } from "./messages";

class FakeStream implements Stream {
  readyState = 0;
  onerror: ((event: Event) => void) | null = null;
  private readonly handlers = new Map<string, (event: MessageEvent<string>) => void>();

  addEventListener(type: string, listener: (event: MessageEvent<string>) => void): void {
    this.handlers.set(type, listener);
  }

  close(): void {
    this.readyState = 2;
  }

  say(type: string, body: unknown): void {
    this.readyState = 1;
    this.handlers.get(type)?.({ data: JSON.stringify(body) } as MessageEvent<string>);
  }

  /** What a 503 looks like from inside: closed for good. */
  refuse(): void {
    this.readyState = 2;
    this.onerror?.(new Event("error"));
  }

  /** What a broken connection looks like: the browser is already connecting again. */
  drop(): void {
    this.readyState = 0;
    this.onerror?.(new Event("error"));
  }
}

const summary: LiveMessage = {
  type: "summary",
  backlog: 0,
  oldest_age: null,
  counts: {},
  images_per_minute: 0,
  policy: "least-cpu",
  nodes: { live: 1 },
};

let streams: FakeStream[];
let feed: LiveFeed;
const poll = vi.fn<(detail: boolean) => Promise<LiveMessage[]>>();
const newest = () => streams[streams.length - 1] as FakeStream;
const hello = () => newest().say("hello", { version: "0.1.0", now: 0 });

beforeEach(() => {
  vi.useFakeTimers();
  streams = [];
  poll.mockReset().mockResolvedValue([summary]);
  feed = new LiveFeed({
    open: () => {
      streams.push(new FakeStream());
      return newest();
    },
    poll,
    isOffline: () => true,
  });
});

afterEach(() => {
  feed.stop();
  vi.useRealTimers();
});

describe("the feed", () => {
  it("paints at once by one poll, and polls no more once the stream speaks", async () => {
    feed.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(feed.getState().summary?.policy).toBe("least-cpu");
    hello();
    expect(feed.getState().connection).toBe("live");
    for (let second = 0; second < 30; second += 1) {
      newest().say("nodes", { items: [], at: second });
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(poll).toHaveBeenCalledTimes(1);
    expect(streams).toHaveLength(1);
  });

  it("polls when the stream is refused, and opens it again later", async () => {
    feed.start();
    newest().refuse();
    await vi.advanceTimersByTimeAsync(3_900);
    expect(feed.getState().connection).toBe("polling");
    expect(poll.mock.calls.length).toBeGreaterThanOrEqual(3);
    expect(streams).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(streams).toHaveLength(2);
    hello();
    const polled = poll.mock.calls.length;
    await vi.advanceTimersByTimeAsync(8_000);
    expect(poll.mock.calls.length).toBe(polled);
  });

  it("leaves reconnecting to the browser when the connection breaks, and polls meanwhile", async () => {
    feed.start();
    hello();
    newest().drop();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(feed.getState().connection).toBe("polling");
    expect(streams).toHaveLength(1);
    hello();
    expect(feed.getState().connection).toBe("live");
    expect(feed.getState().epoch).toBe(2);
  });

  it("says so when nothing answers at all, and recovers", async () => {
    poll.mockRejectedValue(new Error("no network"));
    feed.start();
    newest().refuse();
    await vi.advanceTimersByTimeAsync(2_500);
    expect(feed.getState().connection).toBe("offline");
    poll.mockResolvedValue([summary]);
    await vi.advanceTimersByTimeAsync(2_500);
    expect(feed.getState().connection).toBe("polling");
  });

  it("takes a long silence for a dead connection", async () => {
    feed.start();
    hello();
    await vi.advanceTimersByTimeAsync(13_000);
    expect(feed.getState().connection).toBe("polling");
    expect(streams[0]?.readyState).toBe(2);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(streams).toHaveLength(2);
  });

  it("closes the stream of a hidden tab and opens it when the tab is shown", async () => {
    const page = new EventTarget() as Document;
    const show = (visibilityState: string) => {
      Object.defineProperty(page, "visibilityState", { value: visibilityState, configurable: true });
      page.dispatchEvent(new Event("visibilitychange"));
    };
    show("visible");
    const detach = feed.attach(page);
    hello();
    show("hidden");
    expect(newest().readyState).toBe(2);
    const polled = poll.mock.calls.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(poll.mock.calls.length).toBe(polled);
    expect(streams).toHaveLength(1);
    show("visible");
    expect(streams).toHaveLength(2);
    detach();
    expect(newest().readyState).toBe(2);
  });

  it("asks for nodes and events only while a view wants them", async () => {
    feed.start();
    const release = feed.wantDetail();
    newest().refuse();
    await vi.advanceTimersByTimeAsync(100);
    expect(poll.mock.lastCall).toEqual([true]);
    release();
    await vi.advanceTimersByTimeAsync(2_500);
    expect(poll.mock.lastCall).toEqual([false]);
  });
});
