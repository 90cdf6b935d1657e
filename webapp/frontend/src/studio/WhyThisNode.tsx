import { useTranslation } from "react-i18next";
import type { Candidate, Job } from "../api/types";
import { useLanguage } from "../i18n";
import { age, number, percent } from "../ui/format";
import classes from "./WhyThisNode.module.css";

/** The recorded decision in plain words: who could have had the photo, and what spoke for the one that got it. */
export function WhyThisNode({ job }: { job: Job }) {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const { placement } = job;
  const verdict = (candidate: Candidate) => {
    if (placement !== null && candidate.node === placement.node) return t("studio.why.wasChosen");
    return candidate.held ?? t("studio.why.could");
  };
  return (
    <section data-testid="why" className={classes.why}>
      <h3 className={classes.title}>{t("studio.why.title")}</h3>
      {placement === null ? (
        <p className={classes.text}>{t("studio.why.none")}</p>
      ) : (
        <>
          <p className={classes.text}>
            {placement.node === null
              ? t("studio.why.waiting", { policy: placement.policy })
              : t("studio.why.chosen", { policy: placement.policy, node: placement.node })}{" "}
            {placement.reason !== "" && t("studio.why.score")}
          </p>
          {placement.reason !== "" && (
            <p className={classes.reason} lang="en">
              {placement.reason}
            </p>
          )}
          {placement.candidates.length > 0 && (
            <div className={classes.scroll} tabIndex={0} role="region" aria-label={t("studio.why.title")}>
              <table className={classes.table}>
                <thead>
                  <tr>
                    <th scope="col">{t("studio.why.node")}</th>
                    <th scope="col">{t("studio.why.verdict")}</th>
                    <th scope="col" data-number>
                      {t("studio.why.scoreHead")}
                    </th>
                    <th scope="col">{t("studio.why.slots")}</th>
                    <th scope="col" data-number>
                      {t("studio.why.cores")}
                    </th>
                    <th scope="col" data-number>
                      {t("studio.why.cpu")}
                    </th>
                    <th scope="col">{t("studio.why.age")}</th>
                  </tr>
                </thead>
                <tbody>
                  {placement.candidates.map((candidate) => (
                    <tr key={candidate.node} data-chosen={candidate.node === placement.node || undefined}>
                      <th scope="row">{candidate.node}</th>
                      <td>{verdict(candidate)}</td>
                      <td data-number>{candidate.score === null ? "–" : number(candidate.score, language, 2)}</td>
                      <td>
                        {t("studio.why.slotsValue", {
                          taken: candidate.in_flight,
                          slots: number(candidate.slots, language, 1),
                        })}
                      </td>
                      <td data-number>{number(candidate.cores, language, 1)}</td>
                      <td data-number>{candidate.cpu_usage === null ? "–" : percent(candidate.cpu_usage, language)}</td>
                      <td>
                        {candidate.sample_age === null
                          ? "–"
                          : t("studio.why.ago", { time: age(candidate.sample_age, language) })}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </>
      )}
    </section>
  );
}
