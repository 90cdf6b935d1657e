import { type LiveMessage, messageTypes, parseMessage } from "./messages";
import { initialState, type LiveAction, type LiveState, reduce } from "./reducer";

/** The page's one source of live news: a stream where it can be had, polls where it cannot. */

/** The part of EventSource that the feed uses; tests bring their own. */
export interface Stream {
  readonly readyState: number;
  onerror: ((event: Event) => void) | null;
  addEventListener(type: string, listener: (event: MessageEvent<string>) => void): void;
  close(): void;
}

export interface FeedOptions {
  open: () => Stream;
  /** Fetches the present state as messages; `detail` asks for nodes and events besides the summary. */
  poll: (detail: boolean) => Promise<LiveMessage[]>;
  /** Whether a failed poll means that nothing answers, as opposed to a refusal. */
  isOffline: (error: unknown) => boolean;
}

const closed = 2;
const pollEvery = 2_000;
const reopenFirst = 4_000;
const reopenLast = 60_000;
/** The server speaks every second; a silence this long is a dead connection that nobody has noticed. */
const silence = 12_000;

export class LiveFeed {
  private state = initialState;
  private readonly listeners = new Set<() => void>();
  private stream: Stream | null = null;
  private reopenDelay = reopenFirst;
  private reopenTimer: ReturnType<typeof setTimeout> | undefined;
  private pollTimer: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  private details = 0;
  private running = false;

  constructor(private readonly options: FeedOptions) {}

  readonly getState = (): LiveState => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Starts, and stops while the tab is hidden: browsers allow six connections to a host, over all tabs. */
  attach(page: Document): () => void {
    const follow = () => (page.visibilityState === "hidden" ? this.stop() : this.start());
    page.addEventListener("visibilitychange", follow);
    follow();
    return () => {
      page.removeEventListener("visibilitychange", follow);
      this.stop();
    };
  }

  watch(batch: string | null): void {
    this.dispatch({ type: "watch", batch });
  }

  /** Asks for nodes and events too, for as long as the returned function has not been called. */
  wantDetail(): () => void {
    this.details += 1;
    if (this.running) void this.pollOnce();
    return () => {
      this.details -= 1;
    };
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    // The stream's first words take up to a second: a poll paints the page at once.
    void this.pollOnce();
    this.open();
  }

  stop(): void {
    this.running = false;
    clearTimeout(this.reopenTimer);
    clearTimeout(this.pollTimer);
    clearTimeout(this.watchdog);
    this.pollTimer = undefined;
    this.stream?.close();
    this.stream = null;
  }

  private dispatch(action: LiveAction): void {
    const next = reduce(this.state, action);
    if (next === this.state) return;
    this.state = next;
    for (const listener of this.listeners) listener();
  }

  private open(): void {
    const stream = this.options.open();
    this.stream = stream;
    for (const type of messageTypes) {
      stream.addEventListener(type, (event) => {
        if (this.stream !== stream) return;
        const message = parseMessage(type, event.data);
        if (message === null) return;
        if (message.type === "hello") this.onHello();
        this.rearmWatchdog();
        this.dispatch(message);
      });
    }
    stream.onerror = () => {
      if (this.stream === stream) this.onLost();
    };
  }

  private onHello(): void {
    this.reopenDelay = reopenFirst;
    clearTimeout(this.pollTimer);
    this.pollTimer = undefined;
  }

  private rearmWatchdog(): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => this.onLost(), silence);
  }

  /** The browser reconnects by itself after a broken connection, but not after a refusal such as 503. */
  private onLost(): void {
    clearTimeout(this.watchdog);
    if (this.state.connection === "live") this.dispatch({ type: "connection", connection: "polling" });
    const gaveUp = this.stream?.readyState === closed;
    const silent = this.stream?.readyState === 1;
    if (gaveUp || silent) {
      this.stream?.close();
      this.stream = null;
      clearTimeout(this.reopenTimer);
      this.reopenTimer = setTimeout(() => this.open(), this.reopenDelay);
      this.reopenDelay = Math.min(this.reopenDelay * 2, reopenLast);
    }
    if (this.pollTimer === undefined) this.pollLater(0);
  }

  private pollLater(delay: number): void {
    this.pollTimer = setTimeout(async () => {
      await this.pollOnce();
      // Still wanted, and not answered by a hello in the meantime?
      if (this.running && this.pollTimer !== undefined) this.pollLater(pollEvery);
    }, delay);
  }

  private async pollOnce(): Promise<void> {
    try {
      const messages = await this.options.poll(this.details > 0);
      if (!this.running) return;
      for (const message of messages) this.dispatch(message);
      if (this.pollTimer !== undefined) this.dispatch({ type: "connection", connection: "polling" });
    } catch (error) {
      if (!this.running || this.pollTimer === undefined) return;
      this.dispatch({ type: "connection", connection: this.options.isOffline(error) ? "offline" : "polling" });
    }
  }
}
