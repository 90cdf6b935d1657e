import { useTranslation } from "react-i18next";
import { Problem } from "../api/client";
import { useSession } from "../api/queries";
import { useLanguage } from "../i18n";
import { limit, sentence } from "./format";

/** A headline in the reader's language and, beneath it, the server's own sentence. */
export interface Words {
  title: string;
  detail: string;
}

const titles = {
  network: "problem.network",
  "image-too-large": "problem.imageTooLarge",
  "413": "problem.imageTooLarge",
  "unsupported-format": "problem.unsupportedFormat",
  "415": "problem.unsupportedFormat",
  "broken-image": "problem.brokenImage",
  "invalid-parameter": "problem.invalidParameter",
  "missing-asset": "problem.missingAsset",
  "unknown-filter": "problem.unknownFilter",
  "backlog-full": "problem.backlogFull",
  "429": "problem.backlogFull",
  "store-full": "problem.storeFull",
  "507": "problem.storeFull",
  "not-accepting": "problem.notAccepting",
  "no-live-node": "problem.noLiveNode",
  "cluster-unavailable": "problem.clusterUnavailable",
  "503": "problem.clusterUnavailable",
  conflict: "problem.conflict",
  "409": "problem.conflict",
  "not-found": "problem.notFound",
  "404": "problem.notFound",
} as const;

function isKnown(type: string): type is keyof typeof titles {
  return Object.hasOwn(titles, type);
}

/** Turns an error (of a request, or recorded with a job) into words. */
export function useProblemWords(): (error: unknown) => Words {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const { data: session } = useSession();
  // Refusals that the page itself decided on come without a sentence.
  const ownDetail = (type: string) => {
    if (type === "network") return t("problem.networkHint");
    if (type === "image-too-large" && session)
      return t("problem.imageTooLargeHint", { limit: limit(session.limits.max_bytes, language) });
    return "";
  };
  return (error) => {
    const { type = "", detail = "" } =
      typeof error === "object" && error !== null ? (error as { type?: string; detail?: string }) : {};
    const status = error instanceof Problem ? String(error.status) : "";
    const known = [type, status].find(isKnown);
    return {
      title: t(known === undefined ? "problem.other" : titles[known]),
      detail: sentence(detail) || ownDetail(type),
    };
  };
}
