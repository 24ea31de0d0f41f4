"""Who may speak in a city: certificates, the broker's configuration and what each name may say."""
