import { Problem, sendPhoto } from "../api/client";
import { Store } from "../ui/store";
import { type Step, toJson } from "./pipeline";
import { settled, type Upload, UploadQueue } from "./queue";

export interface Photo {
  key: string;
  file: File;
  /** Object URL of the file; given back when the photo leaves the page. */
  url: string;
}

/** A picture that a step needs, such as a logo. */
export interface Asset {
  file: File;
  /** Object URL of the file; given back when no step names it any more. */
  url: string;
}

export interface StudioState {
  /** Photos picked for the next batch. */
  chosen: readonly Photo[];
  /** How many of the files given last were in the list already. */
  duplicates: number;
  steps: readonly Step[];
  /** The pictures that steps need, by the name that the steps have for them. */
  assets: Readonly<Record<string, Asset>>;
  /** Output format, or null for that of the input. */
  format: string | null;
  /** The batch on show. */
  batch: string | null;
  /** The photos of the batch on show, where this page sent them. */
  sent: readonly Photo[];
  uploads: readonly Upload[];
  /** Rises with every batch sent from this page. */
  run: number;
}

const empty: StudioState = {
  chosen: [],
  duplicates: 0,
  steps: [],
  assets: {},
  format: null,
  batch: null,
  sent: [],
  uploads: [],
  run: 0,
};

/** The file's name as the server will read it from the form, so that the step and the file agree. */
function fileName(file: File): string {
  const last = file.name.split(/[/\\]/).at(-1) ?? "";
  const printable = last.replace(/[\p{C}\p{Z}"]/gu, (letter) => (letter === " " ? " " : "")).trim();
  return printable.slice(-150).trim() || "picture";
}

function signature(file: File): string {
  return [file.name, file.size, file.lastModified].join("|");
}

/** Everything the person put into the Studio; outlives the view, so that uploads go on beside the dashboard. */
export class Studio extends Store<StudioState> {
  private queue: UploadQueue | null = null;
  private lastKey = 0;

  constructor() {
    super(empty);
  }

  get uploading(): boolean {
    return this.state.uploads.some((upload) => !settled(upload));
  }

  addFiles(files: readonly File[]): void {
    const known = new Set(this.state.chosen.map((photo) => signature(photo.file)));
    const added: Photo[] = [];
    for (const file of files) {
      if (known.has(signature(file))) continue;
      known.add(signature(file));
      this.lastKey += 1;
      added.push({ key: `p${this.lastKey}`, file, url: URL.createObjectURL(file) });
    }
    this.set({ chosen: [...this.state.chosen, ...added], duplicates: files.length - added.length });
  }

  removePhoto(key: string): void {
    forget(this.state.chosen.filter((photo) => photo.key === key));
    this.set({ chosen: this.state.chosen.filter((photo) => photo.key !== key), duplicates: 0 });
  }

  clearChosen(): void {
    forget(this.state.chosen);
    this.set({ chosen: [], duplicates: 0 });
  }

  setSteps(steps: readonly Step[]): void {
    const named = new Set(steps.flatMap((step) => Object.values(step.params)));
    const [kept, gone] = [true, false].map((wanted) =>
      Object.entries(this.state.assets).filter(([name]) => named.has(name) === wanted),
    ) as [[string, Asset][], [string, Asset][]];
    forget(gone.map(([, asset]) => asset));
    this.set({ steps, assets: Object.fromEntries(kept) });
  }

  /** Takes a picture that a step needs; returns the name that the step is to have for it, until `setSteps`. */
  addAsset(file: File): string {
    const own = fileName(file);
    let name = own;
    // People have files of one name in two folders.
    for (let number = 2; name in this.state.assets; number += 1) name = `${number}-${own}`;
    this.set({ assets: { ...this.state.assets, [name]: { file, url: URL.createObjectURL(file) } } });
    return name;
  }

  setFormat(format: string | null): void {
    this.set({ format });
  }

  /** Sends the chosen photos through the pipeline as a new batch, which takes the place of the one on show. */
  process(maxBytes: number): void {
    this.queue?.stop();
    forget(this.state.sent);
    const photos = this.state.chosen;
    let pipeline = JSON.stringify(toJson(this.state.steps));
    const assets = Object.entries(this.state.assets).map(([name, { file }]) => ({ name, file }));
    const format = this.state.format;
    const queue = new UploadQueue(photos, {
      send: async (file, batch, options) => {
        const answer = await sendPhoto(file, { pipeline, format, batch, assets: batch === null ? assets : [] }, options);
        // The cluster has the pictures now; its pipeline names them as the rest of the batch must.
        if (assets.length > 0 && answer.jobs[0] !== undefined) pipeline = JSON.stringify(answer.jobs[0].pipeline);
        return answer;
      },
      check: (file) =>
        file.size > maxBytes ? new Problem({ type: "image-too-large", status: 413, detail: "" }) : null,
      onChange: () => {
        if (this.queue === queue) this.setSoon({ uploads: queue.uploads, batch: queue.batch });
      },
    });
    this.queue = queue;
    this.set({
      chosen: [],
      duplicates: 0,
      sent: photos,
      uploads: queue.uploads,
      batch: null,
      run: this.state.run + 1,
    });
    queue.start();
  }

  stopUploads(): void {
    this.queue?.stop();
  }

  retryUploads(keys?: ReadonlySet<string>): void {
    this.queue?.retry(keys);
  }

  /** Shows a batch that some page sent before, or none. */
  show(batch: string | null): void {
    if (batch === this.state.batch && batch !== null) return;
    this.queue?.stop();
    this.queue = null;
    forget(this.state.sent);
    this.set({ batch, sent: [], uploads: [] });
  }

  /** Puts the photos of the batch on show back into the list of chosen ones, for another pipeline. */
  chooseAgain(): void {
    this.addFiles(this.state.sent.map((photo) => photo.file));
  }
}

function forget(files: readonly { url: string }[]): void {
  for (const { url } of files) URL.revokeObjectURL(url);
}
