import { useSyncExternalStore } from "react";

/** A value outside of React that components read with `useStore`; changes are told to them at most every `pause` ms. */
export class Store<T> {
  private readonly listeners = new Set<() => void>();
  private shown: T;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    protected state: T,
    private readonly pause = 50,
  ) {
    this.shown = state;
  }

  /** What the components see. */
  readonly getState = (): T => this.shown;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Changes the state and shows it at once, as an answer to what the person did. */
  protected set(change: Partial<T>): void {
    this.state = { ...this.state, ...change };
    clearTimeout(this.timer);
    this.timer = undefined;
    this.publish();
  }

  /** Changes the state and shows it soon: for what comes hundreds of times a second. */
  protected setSoon(change: Partial<T>): void {
    this.state = { ...this.state, ...change };
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.publish();
    }, this.pause);
  }

  private publish(): void {
    this.shown = this.state;
    for (const listener of this.listeners) listener();
  }
}

export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.getState);
}
