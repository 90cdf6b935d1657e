import { type CSSProperties, useState } from "react";
import { Handle, HandleRoot, Item, Provider, Root } from "react-compare-slider/components";
import { useReactCompareSlider } from "react-compare-slider/hooks";
import { useTranslation } from "react-i18next";
import { address } from "../api/client";
import type { Job } from "../api/types";
import { Picture } from "../ui/Picture";
import classes from "./Comparison.module.css";

export type CompareMode = "slider" | "side";

/** The box of a photo: its own shape, so that nothing but the photo is in it, and both layers match. */
function shapeOf({ width, height }: { width: number; height: number }): CSSProperties {
  return { "--shape": width / height, aspectRatio: `${width} / ${height}` } as CSSProperties;
}

/** Formats that no common browser draws; tried all the same, because Safari does show TIFF. */
function useResultSource(job: Job): { src: string; preview: boolean; onError: () => void } {
  const [unreadable, setUnreadable] = useState(false);
  return {
    src: unreadable ? address.thumbnail(job.id) : address.result(job.id),
    preview: unreadable,
    onError: () => setUnreadable(true),
  };
}

function Slider({ job, original, onUnreadable }: { job: Job; original: string; onUnreadable: () => void }) {
  const { t } = useTranslation();
  const slider = useReactCompareSlider({ keyboardIncrement: "2%" });
  const result = useResultSource(job);
  return (
    <figure className={classes.single}>
      <Provider {...slider}>
        <Root className={classes.slider} style={shapeOf(job.result ?? job.input)}>
          <Item item="itemOne" className={classes.layer}>
            <img
              className={classes.image}
              src={original}
              alt={t("studio.job.original")}
              draggable={false}
              onError={onUnreadable}
            />
          </Item>
          <Item item="itemTwo" className={classes.layer}>
            <img
              className={classes.image}
              src={result.src}
              alt={t("studio.job.result")}
              draggable={false}
              onError={result.onError}
            />
          </Item>
          <HandleRoot aria-label={t("studio.job.handle")} className={classes.handle}>
            <Handle />
          </HandleRoot>
          <span className={classes.tag} data-side="left" aria-hidden="true">
            {t("studio.job.original")}
          </span>
          <span className={classes.tag} data-side="right" aria-hidden="true">
            {t("studio.job.result")}
          </span>
        </Root>
      </Provider>
      {result.preview && (
        <figcaption className={classes.caption}>
          {t("studio.job.smallPreview", { format: (job.result?.format ?? "").toUpperCase() })}
        </figcaption>
      )}
    </figure>
  );
}

function Side({ job, original }: { job: Job; original: string }) {
  const { t } = useTranslation();
  const result = useResultSource(job);
  const unreadable = (format: string) => t("studio.job.cannotShow", { format: format.toUpperCase() });
  return (
    <div className={classes.pair} data-single={job.result === null || undefined}>
      <figure className={classes.half}>
        <div className={classes.frame} style={shapeOf(job.result ?? job.input)}>
          <Picture
            eager
            fit="contain"
            src={original}
            alt={t("studio.job.original")}
            fallback={unreadable(job.input.format)}
          />
        </div>
        <figcaption className={classes.caption}>{t("studio.job.original")}</figcaption>
      </figure>
      {job.result !== null && (
        <figure className={classes.half}>
          <div className={classes.frame} style={shapeOf(job.result)}>
            <img
              className={classes.image}
              src={result.src}
              alt={t("studio.job.result")}
              draggable={false}
              onError={result.onError}
            />
          </div>
          <figcaption className={classes.caption}>
            {result.preview
              ? t("studio.job.smallPreview", { format: job.result.format.toUpperCase() })
              : t("studio.job.result")}
          </figcaption>
        </figure>
      )}
    </div>
  );
}

/**
 * The result with its original: side by side, or one over the other with a divider. Without a result the
 * original alone.
 *
 * :param onUnreadable: called when the browser cannot show the original, so that there is nothing to divide.
 */
export function Comparison(props: { job: Job; original: string; mode: CompareMode; onUnreadable: () => void }) {
  const { job, original, mode, onUnreadable } = props;
  const slider = job.result !== null && mode === "slider";
  return (
    <div data-testid="compare" data-mode={slider ? "slider" : "side"}>
      {slider ? (
        <Slider job={job} original={original} onUnreadable={onUnreadable} />
      ) : (
        <Side job={job} original={original} />
      )}
    </div>
  );
}
