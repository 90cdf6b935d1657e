import { Button, NativeSelect } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useFilters } from "../api/queries";
import { Card } from "../ui/Card";
import { useStore } from "../ui/store";
import { useStudio } from "./context";
import { withoutPicture } from "./pipeline";
import classes from "./ProcessPanel.module.css";

const formats = [
  { value: "jpeg", label: "JPEG" },
  { value: "png", label: "PNG" },
  { value: "webp", label: "WebP" },
  { value: "gif", label: "GIF" },
  { value: "tiff", label: "TIFF" },
  { value: "bmp", label: "BMP" },
  { value: "avif", label: "AVIF" },
];

/** Output format and the one button that starts the work; says what is missing while it cannot. */
export function ProcessPanel({ maxBytes }: { maxBytes: number }) {
  const { t } = useTranslation();
  const studio = useStudio();
  const { chosen, steps, format } = useStore(studio);
  const { data: catalog } = useFilters();
  const unpictured = withoutPicture(steps, catalog ?? []);
  const photos = chosen.length > 0;
  const filters = steps.length > 0;
  let missing: string | null = null;
  if (!photos && !filters) missing = t("studio.process.needBoth");
  else if (!photos) missing = t("studio.process.needPhotos");
  else if (!filters) missing = t("studio.process.needFilters");
  else if (unpictured !== null) missing = t("studio.process.needPicture", { position: unpictured });
  else if (studio.uploading) missing = t("studio.process.uploading");
  return (
    <Card title={t("studio.output.title")}>
      <NativeSelect
        aria-label={t("studio.output.title")}
        data-testid="output-format"
        value={format ?? ""}
        data={[{ value: "", label: t("studio.output.same") }, ...formats]}
        onChange={(event) => studio.setFormat(event.target.value === "" ? null : event.target.value)}
      />
      <Button
        fullWidth
        size="md"
        mt="md"
        data-testid="process"
        disabled={missing !== null}
        aria-describedby={missing === null ? undefined : "process-missing"}
        onClick={() => studio.process(maxBytes)}
      >
        {photos ? t("studio.process.label", { count: chosen.length }) : t("studio.process.none")}
      </Button>
      {missing !== null && (
        <p id="process-missing" className={classes.missing}>
          {missing}
        </p>
      )}
    </Card>
  );
}
