import { Button } from "@mantine/core";
import { memo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLanguage } from "../i18n";
import { Card } from "../ui/Card";
import { bytes } from "../ui/format";
import { CloseIcon } from "../ui/icons";
import { Picture } from "../ui/Picture";
import { useStore } from "../ui/store";
import classes from "./ChosenPhotos.module.css";
import { useStudio } from "./context";
import type { Photo } from "./studio";

const firstShown = 24;
const moreShown = 96;

const Thumb = memo(function Thumb({ photo, onRemove }: { photo: Photo; onRemove: (key: string) => void }) {
  const { t } = useTranslation();
  const name = photo.file.name;
  return (
    <li className={classes.thumb} title={name}>
      <Picture src={photo.url} alt={name} fallback={name} />
      <button
        type="button"
        className={classes.remove}
        aria-label={t("studio.chosen.remove", { name })}
        onClick={() => onRemove(photo.key)}
      >
        <CloseIcon size={14} strokeWidth={2.25} />
      </button>
    </li>
  );
});

export function ChosenPhotos() {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const studio = useStudio();
  const { chosen, duplicates } = useStore(studio);
  // Each thumbnail makes the browser decode a whole photo, so a long list opens in pieces.
  const [shown, setShown] = useState(firstShown);
  const [remove] = useState(() => (key: string) => studio.removePhoto(key));
  const size = chosen.reduce((sum, photo) => sum + photo.file.size, 0);
  const hidden = Math.max(0, chosen.length - shown);
  return (
    <Card
      title={t("studio.chosen.title")}
      aside={`${t("studio.chosen.count", { count: chosen.length })} · ${bytes(size, language)}`}
      actions={
        chosen.length > 0 && (
          <Button
            variant="subtle"
            color="gray"
            size="compact-sm"
            className={classes.clear}
            onClick={() => studio.clearChosen()}
          >
            {t("studio.chosen.clear")}
          </Button>
        )
      }
      testId="chosen"
    >
      <ul className={classes.grid}>
        {chosen.slice(0, shown).map((photo) => (
          <Thumb key={photo.key} photo={photo} onRemove={remove} />
        ))}
      </ul>
      <div className={classes.foot} role="status">
        {duplicates > 0 && <span>{t("studio.chosen.duplicates", { count: duplicates })}</span>}
      </div>
      {hidden > 0 && (
        <Button variant="default" size="xs" mt="sm" onClick={() => setShown(shown + moreShown)}>
          {t("studio.chosen.more", { count: Math.min(hidden, moreShown) })}
        </Button>
      )}
    </Card>
  );
}
