import { memo, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { address } from "../api/client";
import { useLanguage } from "../i18n";
import { bytes, duration, sentence } from "../ui/format";
import { WarningIcon } from "../ui/icons";
import { Picture } from "../ui/Picture";
import { useProblemWords } from "../ui/problem";
import classes from "./ResultGrid.module.css";
import type { Tile } from "./tiles";

const page = 60;

const bad: ReadonlySet<Tile["state"]> = new Set(["rejected", "failed", "quarantined"]);
const busy: ReadonlySet<Tile["state"]> = new Set(["uploading", "retrying", "running"]);

/** The server's sentence begins with the file's name, which stands right above it here. */
function withoutName(detail: string, name: string): string {
  const start = `${name}: `;
  // The sentence may have been given a capital.
  return detail.toLowerCase().startsWith(start.toLowerCase()) ? sentence(detail.slice(start.length)) : detail;
}

function TileBody({ tile }: { tile: Tile }) {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const words = useProblemWords();
  const isBad = bad.has(tile.state);
  const reason = isBad || tile.state === "retrying" ? tile.problem : null;
  const text = reason === null ? null : words(reason);
  let line = t(`studio.state.${tile.state}`, { node: tile.node ?? "" });
  if (tile.state === "done" && tile.bytes !== null) {
    line = [bytes(tile.bytes, language), duration(tile.seconds, language)].join(" · ");
  }
  return (
    <>
      <span className={classes.picture} data-dim={tile.state !== "done" || undefined}>
        {isBad ? (
          <span className={classes.broken}>
            <WarningIcon size={24} strokeWidth={1.5} />
          </span>
        ) : (
          <Picture
            src={tile.state === "done" && tile.job !== null ? address.thumbnail(tile.job) : tile.original}
            alt=""
            fallback=""
          />
        )}
        {busy.has(tile.state) && <span className={classes.busy} />}
      </span>
      <span className={classes.caption}>
        <span className={classes.name}>{tile.name}</span>
        <span className={classes.line} data-tone={isBad ? "bad" : undefined}>
          {text === null ? line : text.title}
        </span>
        {text !== null && text.detail !== "" && (
          <span className={classes.detail}>{withoutName(text.detail, tile.name)}</span>
        )}
      </span>
    </>
  );
}

const TileItem = memo(
  function TileItem({ tile, onOpen }: { tile: Tile; onOpen: (job: string) => void }) {
    const { job } = tile;
    if (job === null) {
      return (
        <li className={classes.tile} data-testid={`upload-${tile.key}`} data-state={tile.state} title={tile.name}>
          <TileBody tile={tile} />
        </li>
      );
    }
    return (
      <li className={classes.tile} title={tile.name}>
        <button
          type="button"
          className={classes.open}
          data-testid={`result-${job}`}
          data-state={tile.state}
          onClick={() => onOpen(job)}
        >
          <TileBody tile={tile} />
        </button>
      </li>
    );
  },
  // Tiles are made anew with every piece of news; only what is drawn decides.
  (before, after) =>
    before.onOpen === after.onOpen &&
    (Object.keys(after.tile) as (keyof Tile)[]).every((key) => before.tile[key] === after.tile[key]),
);

/** The batch's photos, drawn in pages as the reader comes down to them. */
export function ResultGrid({
  tiles,
  total,
  onOpen,
}: {
  tiles: readonly Tile[];
  total: number;
  onOpen: (job: string) => void;
}) {
  const { t } = useTranslation();
  const [shown, setShown] = useState(page);
  const end = useRef<HTMLLIElement>(null);
  const open = useRef(onOpen);
  useEffect(() => {
    open.current = onOpen;
  });
  const [openStable] = useState(() => (job: string) => open.current(job));
  const more = tiles.length > shown;

  useEffect(() => {
    const mark = end.current;
    if (mark === null) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) setShown((count) => count + page);
      },
      { rootMargin: "600px" },
    );
    observer.observe(mark);
    return () => observer.disconnect();
  }, [more, shown]);

  // After the page was loaded again, photos without news yet are known by their number alone.
  const unseen = total - tiles.length;
  return (
    <>
      {tiles.length === 0 && <p className={classes.empty}>{t("studio.batch.empty")}</p>}
      <ul className={classes.grid} aria-label={t("studio.batch.list")}>
        {tiles.slice(0, shown).map((tile) => (
          <TileItem key={tile.key} tile={tile} onOpen={openStable} />
        ))}
        {more && <li ref={end} aria-hidden="true" />}
      </ul>
      {unseen > 0 && <p className={classes.unseen}>{t("studio.batch.waiting", { count: unseen })}</p>}
    </>
  );
}
