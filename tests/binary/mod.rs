//! The real binary through the doors that people use: its command line, its files, its signals and its sockets.
//! `program` starts and ends processes, `gateway` is one that serves; one module for each behaviour.

mod admin_api;
mod budgets;
mod canary;
mod commands;
mod config_faults;
mod crash;
mod demo;
mod descriptors;
mod doctor;
mod drain;
mod first_start;
mod gateway;
mod jobs;
mod keys;
mod kill;
mod leaving;
mod listeners;
mod logs;
mod models;
mod models_file;
mod program;
mod quota;
mod readme;
mod reload;
mod reload_files;
mod repository_config;
mod responses;
mod search_path;
mod spill;
mod state_settings;
mod store_faults;
mod team;
mod tls;
mod tls_client;
mod usage;
