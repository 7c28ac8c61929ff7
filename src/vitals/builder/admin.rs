//! Sets the admin port.

use super::VitalsBuilder;

impl VitalsBuilder {
    /// The address of an admin port, such as `127.0.0.1:9000`: an IP address and a port. On it,
    /// [`Vitals::run`](crate::Vitals::run) serves the probes and `/metrics`, whatever the server that it runs: axum, tonic,
    /// hyper or another. Defaults to the environment variable `MONITORING_ADDR` with
    /// [`Vitals::from_env`](crate::Vitals::from_env), else to none.
    ///
    /// ```no_run
    /// # async fn serve(
    /// #     routes: tonic::service::Routes,
    /// #     health: tower_vitals::health::Health,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let vitals = tower_vitals::Vitals::builder()
    ///     .health(health.service())
    ///     .admin_addr("127.0.0.1:9000")
    ///     .build()?;
    /// let server = tonic::transport::Server::builder()
    ///     .layer(vitals.layer())
    ///     .add_routes(routes)
    ///     .serve_with_shutdown("0.0.0.0:50051".parse()?, vitals.shutdown_signal());
    /// vitals.run(server).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`Vitals::routes`](crate::Vitals::routes) then serves nothing on the port of the application, unless
    /// [`keep_routes`](Self::keep_routes) says so. Without `run`, nothing serves the admin port.
    ///
    /// Every address of the machine is allowed. Whoever reaches the port reads the metrics, so choose a loopback address, or
    /// one that only the monitoring reaches. What is asked there is no traffic: it has no metric and no log line. It speaks
    /// HTTP/1, and HTTP/2 without TLS. At most 256 connections are open; one more closes the oldest. One whose client asks nothing or
    /// takes nothing of an answer for 30 s is closed. Over HTTP/2, a connection has 16 requests at a time. The port answers during the whole shutdown, with 503 for
    /// readiness, and closes last.
    ///
    /// `build` fails if the address is none, and `run` if it cannot be bound.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "health")))]
    pub fn admin_addr(mut self, address: impl Into<String>) -> Self {
        self.admin.address = Some(address.into());
        self
    }

    /// Serves what [`Vitals::routes`](crate::Vitals::routes) has on the application's port too, although there is an
    /// [admin port](Self::admin_addr): for probes that are to fail if that port does not answer. Defaults to the admin port alone.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "health")))]
    pub fn keep_routes(mut self) -> Self {
        self.admin.keep_routes = true;
        self
    }
}
