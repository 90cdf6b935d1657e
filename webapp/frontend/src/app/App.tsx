import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { Link, Route, Routes, useLocation } from "react-router";
import { useLive } from "../live/context";
import { StudioPage } from "../studio/StudioPage";
import { Notice } from "../ui/Notice";
import classes from "./App.module.css";
import { ErrorBoundary } from "./ErrorBoundary";
import { Footer } from "./Footer";
import { Header } from "./Header";

const ClusterPage = lazy(() => import("../cluster/ClusterPage"));

function NotFound() {
  const { t } = useTranslation();
  return (
    <Notice title={t("app.notFound")}>
      <Link to="/">{t("app.toStudio")}</Link>
    </Notice>
  );
}

export function App() {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  const offline = useLive((state) => state.connection === "offline");
  return (
    <div className={classes.app}>
      <a className={classes.skip} href="#content">
        {t("app.skip")}
      </a>
      <Header />
      <main id="content" className={classes.main} tabIndex={-1}>
        <div role="status">{offline && <p className={classes.offline}>{t("connection.offline")}</p>}</div>
        <ErrorBoundary key={pathname}>
          <Suspense fallback={<p className={classes.loading}>{t("app.loading")}</p>}>
            <Routes>
              <Route path="/" element={<StudioPage />} />
              <Route path="/dashboard" element={<ClusterPage />} />
              <Route path="*" element={<NotFound />} />
            </Routes>
          </Suspense>
        </ErrorBoundary>
      </main>
      <Footer />
    </div>
  );
}
